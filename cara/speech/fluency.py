"""Words and fluent words of a talk: what the measures count, and what is checked before anything is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cara.speech.disfluencies import find_fillers, without_hesitations
from cara.speech.foreign_fillers import find_foreign_fillers
from cara.speech.hesitations import KNOWN_IN
from cara.speech.languages import ENGLISH, detect_language
from cara.speech.list_items import mark_items
from cara.speech.marker_phrases import marker_indexes
from cara.speech.phrases import per_hundred
from cara.speech.repairs import Repairs, find_repairs
from cara.speech.schemas import Fillers
from cara.speech.text import TURN, normalized, remove_stage_marks
from cara.speech.words import Words, list_words, tokenize
from cara.transcripts.talk import Talk
from cara.transcripts.utterances import Turn

_BEGINNING = 6_000
"""Characters in which an ordinary talk has a thousand words."""


@dataclass(frozen=True, slots=True)
class Fluency:
    """What is said in vain, and the fluent words: what would be left of the talk without it.

    `fillers` are None where they are not known for the language; its hesitations are no fluent words then
    either. `uncertain_words` are fluent words of English that may be fillers.
    """

    fillers: Counter[str] | None
    repairs: Repairs
    fluent: Words
    uncertain_words: int

    @property
    def repairs_per_hundred_words(self) -> float | None:
        """Repetitions and false starts per 100 fluent words; None without these."""
        return per_hundred(self.repairs.count, len(self.fluent))

    def filler_measures(self, seconds: float | None) -> Fillers | None:
        """Returns the fillers in all, by word, per 100 fluent words, and per minute of the speaking time."""
        if self.fillers is None:
            return None
        total = self.fillers.total()
        return Fillers(
            count=total,
            per_hundred_words=per_hundred(total, len(self.fluent)),
            per_minute=round(60 * total / seconds, 2) if seconds else None,
            by_word=dict(self.fillers.most_common()),
            uncertain_words=self.uncertain_words,
        )


def measure_fluency(words: Words, language: str) -> Fluency:
    """Returns what is fluent in the words and what is not.

    See `find_fillers` for those of English, `find_foreign_fillers` for others, and `find_repairs`.
    """
    fillers, unfilled = _without_fillers(words, language)
    repairs, fluent = find_repairs(unfilled, language)
    return Fluency(fillers, repairs, fluent, len(marker_indexes(fluent.lower)) if language == ENGLISH else 0)


def _without_fillers(words: Words, language: str) -> tuple[Counter[str] | None, Words]:
    if language == ENGLISH:
        return find_fillers(words)
    if language in KNOWN_IN:
        return find_foreign_fillers(words, language)
    return None, without_hesitations(words, language)


def count_fluent_words(talk: Talk, enough: int | None = None) -> int:
    """Returns the number of the learner's fluent words, as `SpeechMeasures.fluent_words` has it.

    With `enough`, for which any number from it on is as good as another, it may return that of the first
    6,000 characters of the talk, and takes a few milliseconds then.
    """
    text = spoken_text(talk.own)[0]
    if enough is not None and (found := _fluent_words(text[:_BEGINNING])) >= enough:
        return found
    return _fluent_words(text)


def _fluent_words(text: str) -> int:
    words = tokenize(text)
    return len(measure_fluency(words, detect_language(words)).fluent)


def count_spoken_words(turns: Iterable[Turn]) -> int:
    """Returns the number of words in the turns: without stage marks, with fillers and repairs."""
    return len(spoken_words(turns))


def spoken_words(turns: Iterable[Turn]) -> list[str]:
    """Returns the words that `count_spoken_words` counts, in lower case."""
    return list_words(spoken_text(turns)[0])


def spoken_text(turns: Iterable[Turn]) -> tuple[str, dict[str, int]]:
    """Returns the text of the turns with `TURN` and `ITEM` sentinels, and the stage marks taken out."""
    text = f"\n{TURN}\n".join(normalized(turn.text.text) for turn in turns)
    return remove_stage_marks(mark_items(text))
