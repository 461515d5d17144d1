"""What a reader makes of a transcript: utterances, and the turns that neighboring ones of a speaker are."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, groupby
from typing import Literal, NamedTuple, TypeGuard

from typing_extensions import TypeAliasType

from cara.expressions import compiled
from cara.transcripts.mapped_text import MappedText

TranscriptFormat = TypeAliasType(
    "TranscriptFormat",
    Literal[
        "plain", "labeled", "webvtt", "srt", "cha", "whisper", "whisperx", "deepgram", "assemblyai", "google",
        "aws", "azure", "utterances",
    ],
)  # fmt: skip
"""The formats that Cara reads; `labeled` is text in which each turn begins with the name of its speaker."""


class UnreadableTranscript(ValueError):
    """The text is not of the format that it is said to have, or looks like; the message says why."""


BEGIN_ANEW_NOTE = "The times in the transcript begin anew or go back: they are not those of one recording."

_MAX_LABEL = 100
_TOLERATED_SECONDS = 1.0
"""By so much the times of one speaker may fall: recognizers and captions are no more exact."""
_MOST_SECONDS = 86_400
"""A recording lasts a day at most."""
_MOST_AT_ONCE = 2.5
"""Captions that roll up show each line twice as long as it is spoken, but hardly longer."""

_AROUND = " \t\r\n*_~@|:.,;\"'`“”„«»<>‹›-–—\u200b\u200e\u200f\u2060\ufeff"
_BRACKETS = str.maketrans("()[]", "    ")
# Pronouns and roles behind a name.
_ADDED = compiled(
    r"(?:[ ]{0,3}(?<=.)[(\[][^()\[\]\d]{1,60}[)\]])++$"
    r"|[ |,–—-]{1,3}(?:she|he|they|ze|xe|ella|él|elle|il)(?:/\w{1,8}){1,3}$"
)


class TimedWord(NamedTuple):
    """A word with its times, in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float


class Utterance(NamedTuple):
    """What somebody said at once, with the offset of each character in the transcript as it was sent.

    The text holds what was said alone: no label, time or markup. The speaker is the label as it was written,
    None where there is none. Times are in seconds from the beginning of the recording, None where the source
    has none.
    """

    text: MappedText
    speaker: str | None = None
    start: float | None = None
    end: float | None = None
    words: tuple[TimedWord, ...] = ()

    @property
    def span(self) -> tuple[float, float] | None:
        """Its start and end; None if one of them is unknown, or they make no sense."""
        start, end = self.start, self.end
        return (start, end) if is_time(start) and is_time(end) and start <= end else None


@dataclass(frozen=True)
class Turn:
    """Neighboring utterances of one speaker, which are one turn; their texts are joined by line feeds."""

    speaker: str | None
    utterances: tuple[Utterance, ...]

    @cached_property
    def text(self) -> MappedText:
        """What is said in the turn."""
        return MappedText.joined((utterance.text for utterance in self.utterances), "\n")


@dataclass(frozen=True)
class Transcript:
    """A transcript that was read.

    `duration_seconds` is that of the recording, if the source states it. With `speakers_guessed` the source
    marks changes of the speaker without names, and the labels are ours. With `shares_times` it tells the time
    of several speakers together, and who speaks when in it is estimated. `notes` are for the learner.
    """

    format: TranscriptFormat
    utterances: tuple[Utterance, ...]
    duration_seconds: float | None = None
    speakers_guessed: bool = False
    shares_times: bool = False
    notes: tuple[str, ...] = ()

    @property
    def speakers(self) -> tuple[str | None, ...]:
        """The speakers in the order in which they first speak, each as its label was first written."""
        first: dict[str | None, str | None] = {}
        for utterance in self.utterances:
            first.setdefault(speaker_key(utterance.speaker), utterance.speaker)
        return tuple(first.values())

    @property
    def span_seconds(self) -> float | None:
        """The time from the earliest start to the latest end; None without such times."""
        starts = [utterance.start for utterance in self.utterances if is_time(utterance.start)]
        ends = [utterance.end for utterance in self.utterances if is_time(utterance.end)]
        return round(max(max(ends) - min(starts), 0.0), 3) if starts and ends else None

    @property
    def known_seconds(self) -> float | None:
        """How long it lasts: as the source states it, else from the first to the last time.

        What is stated doesn't count if it ends before the last time. None without, if the times begin anew
        within it, and for more than a day.
        """
        last = max((utterance.end for utterance in self.utterances if is_time(utterance.end)), default=0.0)
        if self.duration_seconds and last - _TOLERATED_SECONDS <= self.duration_seconds <= _MOST_SECONDS:
            return self.duration_seconds
        seconds = None if self.times_begin_anew else self.span_seconds
        return seconds if seconds is None or seconds <= _MOST_SECONDS else None

    @cached_property
    def times_begin_anew(self) -> bool:
        """Whether the times of a speaker fall, or many of them overlap.

        Nobody goes back in time, or speaks twice at once: these are times of several parts, each of which
        begins at zero.
        """
        spans: dict[str | None, list[tuple[float, float]]] = {}
        for utterance in self.utterances:
            if span := utterance.span:
                spans.setdefault(speaker_key(utterance.speaker), []).append(span)
        return any(map(_begin_anew, spans.values()))


def is_time(seconds: float | None) -> TypeGuard[float]:
    """Returns whether there is a time, and it lies in a recording."""
    return seconds is not None and 0 <= seconds < math.inf


def _begin_anew(spans: Sequence[tuple[float, float]]) -> bool:
    """Returns whether the spans of one speaker are those of several parts, each with times of its own."""
    latest = accumulate((start for start, _ in spans), max)
    falls = any(start < last - _TOLERATED_SECONDS for (start, _), last in zip(spans, latest, strict=True))
    seconds, until = 0.0, 0.0
    for start, end in sorted(spans):
        seconds += max(0.0, end - max(start, until))
        until = max(until, end)
    return falls or sum(end - start for start, end in spans) > _MOST_AT_ONCE * seconds


def speaker_key(label: str | None) -> str | None:
    """Returns the label as labels are compared: without case, width, marks around it and additions behind it.

    `Ann Lee`, `ANN  LEE:`, `**Ann Lee**`, `Ann Lee (she/her)` and `Ann Lee [Guest]` are one label. What has a
    digit is no addition: `Ann (2)` is another than `Ann`. The Turkish ı and İ are an i.
    """
    return None if label is None else _key(label[:_MAX_LABEL])


@lru_cache(maxsize=1000)
def _key(label: str) -> str:
    key = label.casefold()
    if not key.isascii():
        key = unicodedata.normalize("NFKC", label).casefold().replace("i\u0307", "i").replace("ı", "i")
        key = unicodedata.normalize("NFKC", key)
    key = key.strip(_AROUND)
    if not key.isalnum():
        key = " ".join(_ADDED.sub("", key).translate(_BRACKETS).strip(_AROUND).split())
    return key


def turns_of(utterances: Iterable[Utterance]) -> Iterator[Turn]:
    """Yields the turns of utterances; those without words are left out."""
    spoken = [utterance for utterance in utterances if utterance.text.text.strip()]
    keys = {label: speaker_key(label) for label in {utterance.speaker for utterance in spoken}}
    for _, group in groupby(spoken, lambda utterance: keys[utterance.speaker]):
        same = tuple(group)
        yield Turn(same[0].speaker, same)
