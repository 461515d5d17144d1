"""Who speaks where a transcript marks each change of the speaker by `>>`, without names."""

from __future__ import annotations

from collections.abc import Sequence

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import Utterance

GUESSED_NOTE = (
    "The transcript marks changes of the speaker without names: Speaker 1 and Speaker 2 are guessed by turns."
)
"""Tells the learner how the labels came about."""


def guessed_speaker(turn: int) -> str:
    """Returns the label of the speaker of a turn, counted from 0: two speakers who alternate."""
    return f"Speaker {turn % 2 + 1}"


def alternating(texts: Sequence[MappedText]) -> tuple[Utterance, ...]:
    """Returns the texts, each of them a turn, as utterances of two speakers who alternate."""
    return tuple(Utterance(text, guessed_speaker(turn)) for turn, text in enumerate(texts))
