"""What a reader makes of a transcript: utterances, and the turns that neighboring ones of a speaker are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from typing_extensions import TypeAliasType

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


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its times, in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
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


@dataclass(frozen=True, slots=True)
class Turn:
    """Neighboring utterances of one speaker, which are one turn; their texts are joined by line feeds."""

    speaker: str | None
    utterances: tuple[Utterance, ...]

    @property
    def text(self) -> MappedText:
        """What was said in the turn."""
        return MappedText.joined((utterance.text for utterance in self.utterances), "\n")


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript that was read.

    `duration_seconds` is that of the recording, if the source states it. With `speakers_guessed` the source
    marks changes of the speaker without names, and the labels are ours. `notes` are for the learner.
    """

    format: TranscriptFormat
    utterances: tuple[Utterance, ...]
    duration_seconds: float | None = None
    speakers_guessed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def speakers(self) -> tuple[str | None, ...]:
        """The speakers in the order in which they first speak, each as its label was first written."""
        first: dict[str | None, str | None] = {}
        for utterance in self.utterances:
            first.setdefault(speaker_key(utterance.speaker), utterance.speaker)
        return tuple(first.values())


def speaker_key(label: str | None) -> str | None:
    """Returns the label as labels are compared: without case, marks around it, and runs of white space."""
    return None if label is None else " ".join(label.casefold().strip(" \t*:.[]()").split())


def turns_of(utterances: Iterable[Utterance]) -> Iterator[Turn]:
    """Yields the turns of utterances; those without words are left out."""
    spoken = (utterance for utterance in utterances if utterance.text.text.strip())
    for _, group in groupby(spoken, lambda utterance: speaker_key(utterance.speaker)):
        same = tuple(group)
        yield Turn(same[0].speaker, same)
