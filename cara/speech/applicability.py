"""Which measures a transcript allows, and what its numbers cannot tell: notes for the learner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cara.speech.filler_lists import FILLER_LISTS
from cara.speech.hesitations import KNOWN_IN
from cara.speech.languages import ENGLISH, UNDETERMINED, UNSPACED_LANGUAGES, language_name
from cara.speech.stop_words import FEW_ARE_KNOWN_IN, STOP_WORDS

MIN_DURATION_SECONDS = 5
"""A shorter duration counts as unknown."""

MIN_JUDGED_WORDS = 10
"""Fewer fluent words are not judged: one or two sentences say nothing about a speaker."""

MIN_COMPARED_WORDS = 50
"""Fewer fluent words are not compared with earlier sessions: each filler moves a rate by two in a hundred."""

_MIN_WORDS_TO_HESITATE = 150
"""Who speaks freely hesitates about once in 30 words (Bortfeld et al. 2001): five times in so many."""

_ENGLISH_ONLY = (
    "hedges", "assertives", "readingEase", "inclusiveLanguage", "openQuestions", "closedQuestions"
)  # fmt: skip
_SENTENCE_BASED = ("meanSentenceWords", "longestSentenceWords", "readingEase")

_UNSPACED_NOTE = (
    "The script has no spaces between words: they are told apart by a dictionary, so that counts of words "
    "are approximate."
)
_CONTENT_UNKNOWN_NOTE = (
    "Overused words are not listed: content words can't be told from others in this language."
)
_UNPUNCTUATED_NOTE = (
    "The transcript has no punctuation, or hardly any: its sentences are unknown, and fillers are "
    "undercounted."
)
_CLEANED_NOTE = (
    "The transcript may have been cleaned: nobody hesitates in it, not even once, so fillers and pauses may "
    "be missing."
)
_IMPLAUSIBLE_NOTE = (
    "The pace is implausible (under 20 or over 400 words a minute): the duration, or the times, may not be "
    "those of the transcript, and then pace and its score say nothing."
)
_SHORT_NOTE = (
    f"Fewer than {MIN_COMPARED_WORDS} words besides fillers and repairs: rates vary widely in so short a "
    "talk, and it can't be compared with earlier sessions."
)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Measures that can't be taken, by their JSON names, and the reason as a note for the learner."""

    measures: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Applicability:
    """What decides which measures can be taken.

    `other_languages` are those of a substantial part of the talk, `hesitates` tells whether there is a
    hesitation in it; `spoken` is false for writing, `speaking_seconds` None if unknown.
    """

    language: str
    other_languages: tuple[str, ...]
    words: int
    fluent_words: int
    hesitates: bool
    spoken: bool
    speaking_seconds: float | None
    implausible_pace: bool
    unpunctuated: bool

    @property
    def english(self) -> bool:
        """Whether the measures with English word lists apply."""
        return self.language == ENGLISH

    @property
    def may_have_been_cleaned(self) -> bool:
        """Whether a person who speaks so many words would have hesitated."""
        long = self.spoken and self.words >= _MIN_WORDS_TO_HESITATE
        return long and self.language in KNOWN_IN and not self.hesitates

    def restrictions(self) -> list[Restriction]:
        """Returns every reason that applies, with the measures that it excludes."""
        if not self.words:
            return [Restriction((), "The transcript has no words of the learner."), *self._of_the_pace()]
        return [*self._of_the_language(), *self._of_the_pace(), *self._of_the_text()]

    def _of_the_language(self) -> Iterator[Restriction]:
        if not self.english:
            uncounted = () if self.language in KNOWN_IN else ("fillers",)
            yield Restriction((*uncounted, *_ENGLISH_ONLY), _language_note(self.language))
        if self.language in UNSPACED_LANGUAGES:
            yield Restriction((), _UNSPACED_NOTE)
        if not has_known_function_words(self.language):
            yield Restriction(("overusedWords",), _CONTENT_UNKNOWN_NOTE)
        if self.other_languages:
            yield Restriction((), _mixed_note(self.other_languages, self.language))

    def _of_the_pace(self) -> Iterator[Restriction]:
        if not self.spoken:
            yield Restriction(("wordsPerMinute",), "Writing has no pace.")
        elif self.speaking_seconds is None:
            note = (
                f"Words a minute need a known duration of at least {MIN_DURATION_SECONDS} seconds; where the "
                "transcript has times, it is that of the learner's own speech."
            )
            yield Restriction(("wordsPerMinute",), note)
        elif self.implausible_pace:
            yield Restriction((), _IMPLAUSIBLE_NOTE)

    def _of_the_text(self) -> Iterator[Restriction]:
        if self.unpunctuated:
            yield Restriction(_SENTENCE_BASED, _UNPUNCTUATED_NOTE)
        if self.may_have_been_cleaned:
            yield Restriction((), _CLEANED_NOTE)
        if self.fluent_words < MIN_COMPARED_WORDS:
            yield Restriction(("overusedWords",), _SHORT_NOTE)


def speaking_seconds(duration_seconds: float | None) -> float | None:
    """Returns the duration, if it is known: None under `MIN_DURATION_SECONDS`."""
    known = duration_seconds is not None and duration_seconds >= MIN_DURATION_SECONDS
    return duration_seconds if known else None


def has_known_function_words(language: str) -> bool:
    """Returns whether words of content can be told from others in the language."""
    return language in STOP_WORDS and language not in FEW_ARE_KNOWN_IN


def _language_note(language: str) -> str:
    if language == UNDETERMINED:
        return (
            "The language could not be told: fillers, hedges, assertives and reading ease are not measured."
        )
    if language in FILLER_LISTS:
        counted = "fillers are counted by its own list"
    elif language in KNOWN_IN:
        counted = "only hesitation sounds count as fillers"
    else:
        counted = "its fillers are not known"
    return (
        f"The language seems to be {language_name(language)}: {counted}. Hedges, assertives and reading ease "
        "are measured in English only. The usual pace and rate of fillers are known for English only, so "
        "that neither moves a score here."
    )


def _mixed_note(others: tuple[str, ...], main: str) -> str:
    names = " and ".join(language_name(language) for language in others)
    return (
        f"The transcript is in more than one language: a substantial part seems to be {names}, and is "
        f"counted as if it were {language_name(main)}."
    )
