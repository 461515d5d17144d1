"""Who speaks in captions: voices, labels at the start of lines, and `>>` where the speaker changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from cara.transcripts.caption_labels import Label, accepted, label_of
from cara.transcripts.caption_markup import Line, timed_words
from cara.transcripts.chevrons import guessed_speaker
from cara.transcripts.cues import Cue
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import Utterance, speaker_key

_CHEVRONS = re.compile(r"(?:(?<=\s)|^)>>++[ \t]*+")
_DASH = re.compile(r"[-–—‐]\s*+")
_PRONOUNS = re.compile(r"\s*+\([^\W\d_]{1,12}(?:\s?/\s?[^\W\d_]{1,12}){1,3}\)$")
_MARK = re.compile(r"(?:\[[^\[\]]*+\]|\([^()]*+\)|[♪\s])*+")


class _Piece(NamedTuple):
    """A line, or the part of one that follows a `>>`; `cue` counts the cues."""

    cue: int
    line: Line
    changes: bool
    label: Label | None


class Spoken(NamedTuple):
    """The utterances, and whether their speakers are guessed."""

    utterances: tuple[Utterance, ...]
    guessed: bool


def spoken(cues: Sequence[Cue]) -> Spoken:
    """Returns the utterances of cues: one for each speaker of a cue.

    A cue without a label goes on with the speaker before. `>>` without a name is a change to somebody who is
    not known; if it is all there is, two speakers are guessed to alternate.
    """
    pieces = list(_pieces(cues))
    names = accepted([(piece.cue, piece.label, piece.changes) for piece in pieces if _says(piece)])
    guessed = (
        not names and any(piece.changes for piece in pieces) and not any(piece.line.voice for piece in pieces)
    )
    attributed = _guessed(pieces) if guessed else _named(pieces, names)
    return Spoken(tuple(_utterances(cues, attributed)), guessed)


def _says(piece: _Piece) -> bool:
    return not _MARK.fullmatch(piece.line.text.text) or piece.label is not None


def _pieces(cues: Sequence[Cue]) -> Iterator[_Piece]:
    marked = any(line.text.text.startswith(">>") for cue in cues for line in cue.lines)
    for number, cue in enumerate(cues):
        dashed = sum(line.text.text[:1] in "-–—‐" for line in cue.lines if line.text.text) > 1
        for line in cue.lines:
            parts = _parted(line) if marked and ">>" in line.text.text else ((line, False),)
            for part, changes in parts:
                undashed = _without_dash(part) if dashed else part
                yield _Piece(number, undashed, changes, label_of(undashed.text.text))


def _parted(line: Line) -> Iterator[tuple[Line, bool]]:
    """Yields the parts of a line between `>>`, and whether one stands before the part."""
    changes = list(_CHEVRONS.finditer(line.text.text))
    ends = [change.start() for change in changes] + [len(line.text.text)]
    if before := line.text.slice(0, ends[0]).stripped():
        if before.text:
            yield line._replace(text=before), False
    for change, end in zip(changes, ends[1:], strict=True):
        yield line._replace(text=line.text.slice(change.end(), end).stripped(), voice=None), True


def _without_dash(line: Line) -> Line:
    dash = _DASH.match(line.text.text)
    return line._replace(text=line.text.slice(dash.end(), len(line.text.text))) if dash else line


def _guessed(pieces: Iterable[_Piece]) -> Iterator[tuple[_Piece, str | None]]:
    turn = -1
    for piece in pieces:
        if piece.changes or (turn < 0 and _says(piece)):
            turn += 1
        yield piece, guessed_speaker(max(turn, 0))


def _named(pieces: Iterable[_Piece], names: frozenset[str | None]) -> Iterator[tuple[_Piece, str | None]]:
    speaker: str | None = None
    for piece in pieces:
        line, label = piece.line, piece.label
        if line.voice is not None:
            speaker = _PRONOUNS.sub("", line.voice) or None
        elif piece.changes:
            speaker = None
        if label and speaker_key(label.name) in names:
            speaker = _PRONOUNS.sub("", label.name)
            line = line._replace(text=line.text.slice(label.end, len(line.text.text)))
        yield piece._replace(line=line), speaker


def _utterances(cues: Sequence[Cue], attributed: Iterable[tuple[_Piece, str | None]]) -> Iterator[Utterance]:
    said = ((piece, speaker) for piece, speaker in attributed if piece.line.text.text)
    for (number, speaker), group in groupby(said, lambda item: (item[0].cue, item[1])):
        cue = cues[number]
        lines = [piece.line for piece, _ in group]
        text = lines[0].text if len(lines) == 1 else MappedText.joined((line.text for line in lines), "\n")
        words = ()
        if all(line.marks for line in lines):
            words = timed_words(text, lines[0].marks, cue.start, cue.end)
        yield Utterance(text, speaker, cue.start, cue.end, words)
