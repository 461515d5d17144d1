"""Who speaks in captions: voices, labels at the start of lines, `>>` and dashes where the speaker changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from cara.expressions import compiled
from cara.transcripts.caption_labels import Label, Line, accepted, is_full_name, is_name_alone, label_at
from cara.transcripts.caption_markup import Part, timed_words
from cara.transcripts.chevrons import guessed_speaker
from cara.transcripts.cues import Cue
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import Utterance, speaker_key

_CHANGE = re.compile(r"^>>", re.MULTILINE)
_MAYBE_LABEL = re.compile(r"^(?=[^:：\])\n]{1,100}+[:：\])])", re.MULTILINE)
_CHANGE_OR_LABEL = compiled(r"(?:^|(?<=\s))(?:>>++\s*+)++|" + _MAYBE_LABEL.pattern, re.MULTILINE)
_SIGNS = re.compile(r"[:：>\[(]")
_DASH = r"^[-–—‐](?![-\d])\s*+"
_DASHES = re.compile(_DASH, re.MULTILINE)
_DASH_OR_LABEL = compiled(_DASH + "|" + _CHANGE_OR_LABEL.pattern, re.MULTILINE)
_PRONOUNS = re.compile(r"\s*+\([^\W\d_]{1,12}(?:\s?/\s?[^\W\d_]{1,12}){1,3}\)$")
_MARK = compiled(r"(?:\[[^\[\]]*+\]|\([^()]*+\)|[♪\s])*+")


class _Piece(NamedTuple):
    """The characters [start, end) of a part of a cue; `cue` counts the cues.

    `changes` if a `>>` stands before, or a dash in a cue that has several. What may be a label is the
    beginning of the piece.
    """

    cue: int
    part: Part
    start: int
    end: int
    changes: bool = False
    label: Label | None = None

    def line(self) -> Line:
        """Returns how the piece begins."""
        if self.label is None:
            return Line(self.cue, None, self.changes)
        behind = self.start + self.label.length
        is_low = self.part.text.text[behind : min(behind + 1, self.end)].islower()
        return Line(self.cue, self.label, self.changes, is_low)

    def text(self) -> MappedText:
        """Returns what is said in the piece."""
        whole = self.part.text
        return whole.slice(self.start, self.end) if self.end - self.start < len(whole.text) else whole


class Spoken(NamedTuple):
    """The utterances, and whether their speakers are guessed."""

    utterances: tuple[Utterance, ...]
    guessed: bool


def spoken(cues: Sequence[Cue]) -> Spoken:
    """Returns the utterances of cues: one for each speaker of a cue.

    A cue without a label goes on with the speaker before, unless the voice before is closed. `>>` without a
    name, or each of several dashes in a cue, is a change to somebody who is not known; if it is all there is,
    two speakers are guessed to alternate.
    """
    pieces = list(_pieces(cues))
    names = accepted([piece.line() for piece in pieces if _says(piece)])
    guessed = (
        not names and any(piece.changes for piece in pieces) and not any(piece.part.voice for piece in pieces)
    )
    attributed = _guessed(pieces) if guessed else _named(pieces, names)
    return Spoken(tuple(_utterances(cues, attributed)), guessed)


def with_names(cues: Sequence[Cue]) -> Sequence[Cue]:
    """Returns the cues; a name in a line of its own above the text of each cue is the voice of the cue.

    Teams writes its documents so. Names recur, or are full ones.
    """
    heads: list[str] = []
    for cue in cues:
        if not (head := _head(cue)):
            return cues
        heads.append(head)
    recur = 2 * len(set(map(speaker_key, heads))) <= len(heads)
    if not recur and (len(heads) < 2 or not all(map(is_full_name, heads))):
        return cues
    return [cue._replace(parts=[_below(cue.parts[0], head)]) for cue, head in zip(cues, heads, strict=True)]


def _head(cue: Cue) -> str:
    """Returns the first line of a cue that has more lines, if it may be a name; else nothing."""
    part = cue.parts[0]
    head, feed, _ = part.text.text.partition("\n")
    may_be = feed and len(cue.parts) == 1 and part.voice is None and is_name_alone(head)
    return head if may_be else ""


def _below(part: Part, head: str) -> Part:
    return part._replace(text=part.text.slice(len(head) + 1, len(part.text.text)), voice=head)


def _says(piece: _Piece) -> bool:
    return piece.label is not None or not _MARK.fullmatch(piece.part.text.text, piece.start, piece.end)


def _pieces(cues: Sequence[Cue]) -> Iterator[_Piece]:
    has_voices = any(part.voice for cue in cues for part in cue.parts)
    changes = any(_CHANGE.search(part.text.text) for cue in cues for part in cue.parts)
    for number, cue in enumerate(cues):
        for part in cue.parts:
            text = part.text.text
            has_dashes = "\n" in text and text[0] in "-–—‐" and len(_DASHES.findall(text)) > 1
            if has_voices or not (has_dashes or _SIGNS.search(text)):
                yield _Piece(number, part, 0, len(text))
            elif has_dashes:
                yield from _parted(number, part, _DASH_OR_LABEL)
            else:
                yield from _parted(number, part, _CHANGE_OR_LABEL if changes else _MAYBE_LABEL)


def _parted(cue: int, part: Part, beginning: re.Pattern[str]) -> Iterator[_Piece]:
    """Yields the pieces of a part that begin with a change of the speaker or what may be a label."""
    text = part.text.text
    starts = [
        (start.start(), start.end(), label)
        for start in beginning.finditer(text)
        if (label := label_at(text, start.end())) or start.end() > start.start()
    ]
    ends = [start for start, _, _ in starts] + [len(text)]
    if ends[0]:
        yield _Piece(cue, part, 0, len(text[: ends[0]].rstrip()))
    for (start, begin, label), end in zip(starts, ends[1:], strict=True):
        yield _Piece(cue, part, begin, begin + len(text[begin:end].rstrip()), begin > start, label)


def _guessed(pieces: Iterable[_Piece]) -> Iterator[tuple[_Piece, str | None]]:
    turn = -1
    for piece in pieces:
        if piece.changes or (turn < 0 and _says(piece)):
            turn += 1
        yield piece, guessed_speaker(max(turn, 0))


def _named(pieces: Iterable[_Piece], names: frozenset[str | None]) -> Iterator[tuple[_Piece, str | None]]:
    speaker: str | None = None
    for piece in pieces:
        label, voice = piece.label, piece.part.voice
        if label and label.key in names:
            speaker = _without_pronouns(label.name)
            piece = piece._replace(start=min(piece.start + label.length, piece.end))
        elif voice is not None:
            speaker = _without_pronouns(voice) or None
        elif piece.changes:
            speaker = None
        yield piece, speaker
        if piece.part.is_closed:
            speaker = None


def _without_pronouns(name: str) -> str:
    return _PRONOUNS.sub("", name) if name.endswith(")") else name


def _utterances(cues: Sequence[Cue], attributed: Iterable[tuple[_Piece, str | None]]) -> Iterator[Utterance]:
    said = (item for item in attributed if item[0].start < item[0].end)
    for (number, speaker), group in groupby(said, lambda item: (item[0].cue, item[1])):
        cue = cues[number]
        pieces = [piece for piece, _ in group]
        text = MappedText.joined((piece.text() for piece in pieces), "\n")
        marks = pieces[0].part.marks
        words = timed_words(text, marks, cue.start, cue.end) if marks else ()
        yield Utterance(text, speaker, cue.start, cue.end, words)
