"""Which measures can't be taken of a transcript, and why, in words for the learner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cara.speech.language import ENGLISH, NAMES, UNDETERMINED, UNSPACED
from cara.speech.pace import SHORTEST_SECONDS

_ENGLISH_ONLY = ("fillers", "hedges", "assertives", "readingEase")
_WORD_BASED = (
    "words", "wordsPerMinute", "repetitions", "falseStarts", "repairsPerHundredWords", "meanSentenceWords",
    "longestSentenceWords", "vocabulary", "talkShare",
)  # fmt: skip
_SENTENCE_BASED = ("meanSentenceWords", "longestSentenceWords", "readingEase")


@dataclass(frozen=True, slots=True)
class Limit:
    """Measures that were left out for one reason."""

    measures: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides which measures make sense."""

    language: str
    words: int
    seconds: int | None
    spoken: bool
    unpunctuated: bool

    @property
    def english(self) -> bool:
        return self.language == ENGLISH

    @property
    def spaced(self) -> bool:
        return self.language not in UNSPACED


def limits(about: Circumstances) -> list[Limit]:
    """Every reason that holds, with the measures that it takes away."""
    found: list[Limit] = []
    if not about.words:
        found.append(Limit((), "The transcript has no words of the learner."))
    if not about.english:
        found.append(Limit(_ENGLISH_ONLY, _language_note(about.language)))
    if not about.spaced:
        note = "The script has no spaces between words: words can't be counted, nor can speed or repetitions."
        found.append(Limit(_WORD_BASED, note))
    if not about.spoken:
        found.append(Limit(("wordsPerMinute",), "Writing has no pace."))
    elif about.seconds is None or about.seconds < SHORTEST_SECONDS:
        note = f"Words a minute need a known duration of at least {SHORTEST_SECONDS} seconds."
        found.append(Limit(("wordsPerMinute",), note))
    if about.unpunctuated:
        note = "The transcript has no punctuation: its sentences are unknown, and fillers are undercounted."
        found.append(Limit(_SENTENCE_BASED, note))
    return found


def not_applicable(found: Iterable[Limit]) -> list[str]:
    """The measures that are left out, each once."""
    return list(dict.fromkeys(measure for limit in found for measure in limit.measures))


def _language_note(language: str) -> str:
    what = "could not be told" if language == UNDETERMINED else f"seems to be {NAMES.get(language, language)}"
    return (
        f"The language {what}: fillers, hedges, reading ease and the usual pace are known for English only."
    )
