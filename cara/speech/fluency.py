"""Words and fluent words of a talk: what the measures count, and what is checked before anything is spent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cara.speech.disfluencies import count_fillers, without_hesitations
from cara.speech.languages import ENGLISH, detect_language
from cara.speech.repairs import Repairs, count_repairs
from cara.speech.schemas import Fillers
from cara.speech.text import TURN, normalized, remove_stage_marks
from cara.speech.words import Words, count_words, tokenize
from cara.transcripts.talk import Talk
from cara.transcripts.utterances import Turn

_BEGINNING = 6_000
"""Characters in which an ordinary talk has a thousand words."""


@dataclass(frozen=True, slots=True)
class Fluency:
    """Fillers (None where they are not known for the language), the words without them, and repairs."""

    fillers: Fillers | None
    unfilled: Words
    repairs: Repairs

    @property
    def fluent_words(self) -> int:
        """The number of words without fillers and repairs."""
        return len(self.unfilled) - self.repairs.repaired_words


def measure_fluency(words: Words, language: str, seconds: float | None = None) -> Fluency:
    """Returns what is fluent in the words and what is not: see `count_fillers` and `count_repairs`."""
    if language == ENGLISH:
        fillers, unfilled = count_fillers(words, seconds)
        return Fluency(fillers, unfilled, count_repairs(unfilled))
    unfilled = without_hesitations(words, language)
    return Fluency(None, unfilled, count_repairs(unfilled))


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
    return measure_fluency(words, detect_language(words)).fluent_words


def count_spoken_words(turns: Iterable[Turn]) -> int:
    """Returns the number of words in the turns: without stage marks, with fillers and repairs."""
    return count_words(spoken_text(turns)[0])


def spoken_text(turns: Iterable[Turn]) -> tuple[str, dict[str, int]]:
    """Returns the text of the turns with the `TURN` sentinel between them, and the stage marks taken out."""
    return remove_stage_marks(f"\n{TURN}\n".join(normalized(turn.text.text) for turn in turns))
