"""Text in which each turn begins with the name of its speaker, and text without names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from cara.transcripts.chevrons import GUESSED_NOTE, alternating
from cara.transcripts.clocks import CLOCK, LETTERED, TO, go_back, has_clocks, marks_of_time, seconds, starts
from cara.transcripts.dialogues import dialogue_labels
from cara.transcripts.footers import end_of_words
from cara.transcripts.label_shapes import SHAPES, Label, Shape, labels_in, lines_of
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import BEGIN_ANEW_NOTE, Transcript, Utterance

# What messengers write of their own where a message stands.
_NO_MESSAGE = re.compile(
    r"\s*+(?:\u200e[^\n]{0,300}|<[^<>\n]{1,200}>"
    r"|(?:image|video|audio|sticker|GIF|document) omitted"
    r"|(?:diese nachricht wurde gelöscht|du hast diese nachricht gelöscht|(?:se )?eliminó este mensaje"
    r"|este mensaje fue eliminado|eliminaste este mensaje"
    r"|ce message a été supprimé|vous avez supprimé ce message"
    r"|esta mensagem foi apagada|mensagem apagada"
    r"|questo messaggio è stato eliminato|dit bericht is verwijderd)\.?"
    r"|null|(?:this message was|you) deleted(?: this message)?\.?|missed (?:voice|video) call[^\n]{0,40}"
    r"|messages and calls are end-to-end encrypted[^\n]{0,300})\s*+",
    re.IGNORECASE,
)
_EDITED = re.compile(
    r"(?<![ \u200e])[ \u200e]*+(?:\(edited\)|<this message was edited>)[ \t]*+$", re.IGNORECASE | re.MULTILINE
)
_SYSTEM_LINE = re.compile(
    r"(?<=[\r\n])[^\r\n:]{1,60}[ ](?:started|stopped)[ ](?:the[ ])?(?:transcription|recording)\.?[ \t]*+$"
    r"|(?<=[\r\n])[ \t]*+[-–—_=*]{3,}+(?:[^\r\n]{1,60}?[-–—_=*]{3,}+)?+[ \t]*+$"
    r"|(?<=[\r\n])[ \t]*+Page[ ]\d{1,4}(?:[ ](?:of|/)[ ]\d{1,4}|/\d{1,4})[ \t]*+$",
    re.IGNORECASE | re.MULTILINE,
)
_MARGIN = re.compile(r"(?<=[\r\n])[ \t]*+(?:[1-9]|1\d|2[0-5])(?:[ \t]{1,12}|[ \t]*+$)", re.MULTILINE)
_CHANGE = re.compile(r"(?<=[.!?\])])[ \t]++>>>?[ \t]*+")
_RANGE = re.compile(rf"^[ \t\ufeff]*+\[({CLOCK}|{LETTERED}){TO}({CLOCK}|{LETTERED})\][ \t]*+", re.MULTILINE)


def read_labeled(text: str) -> Transcript | None:
    """Returns the turns of a dialogue in which labels begin lines; None if the text is no dialogue.

    The shape of the label that comes first decides: lines of other shapes are text. Starts are the times at
    the labels; there are no ends.
    """
    found = _labels(text)
    if found is None:
        return None
    shape, labels = found
    if shape.proof == "change":
        return _guessed(text, labels)
    notes = (BEGIN_ANEW_NOTE,) if go_back([label.clock for label in labels]) else ()
    return Transcript("labeled", _utterances(text, shape, labels), notes=notes)


def read_plain(text: str) -> Transcript:
    """Returns the text as one utterance of one speaker without a name.

    Where ranges of times begin lines, as whisper.cpp writes them, each line is an utterance with its times.
    """
    end = end_of_words(text)
    marks = marks_of_time(text)
    ranges = list(_RANGE.finditer(text, 0, end))
    if not ranges or text[: ranges[0].start()].strip():
        return Transcript("plain", (Utterance(_words(text, 0, end, marks)),))
    ends = [match.start() for match in ranges[1:]] + [end]
    return Transcript(
        "plain",
        tuple(
            Utterance(_words(text, match.end(), until, marks), None, seconds(match[1]), seconds(match[2]))
            for match, until in zip(ranges, ends, strict=True)
        ),
    )


def _labels(text: str) -> tuple[Shape, list[Label]] | None:
    """Returns the shape of the first label and all labels of that shape; None if the text is no dialogue."""
    lines = lines_of(text)
    first: tuple[Shape, list[Label]] | None = None
    for shape in SHAPES:
        found = labels_in(lines, shape)
        label = next(found, None)
        if label is None or (first and first[1][0].start <= label.start):
            continue
        labels = dialogue_labels(text, shape, [label, *found])
        if labels and (first is None or labels[0].start < first[1][0].start):
            first = shape, labels
    return first


def _utterances(text: str, shape: Shape, labels: Sequence[Label]) -> tuple[Utterance, ...]:
    times = starts([label.clock for label in labels])
    marks = marks_of_time(text)
    return tuple(
        Utterance(said, _written(label.name), time)
        for label, (start, end), time in zip(labels, _bodies(text, labels), times, strict=True)
        if label.name and (said := _said(text, shape, start, end, marks)).text
    )


def _bodies(text: str, labels: Sequence[Label]) -> Iterator[tuple[int, int]]:
    """Yields the range of the text that each label is the speaker's of."""
    end = max(labels[-1].end, end_of_words(text))
    for label, following in pairwise(labels):
        yield label.end, max(label.end, following.start)
    yield labels[-1].end, end


def _written(name: str) -> str:
    return name.strip(" ~*\u200e\u202a\u202c")


def _said(text: str, shape: Shape, start: int, end: int, marks: re.Pattern[str]) -> MappedText:
    words = _words(text, start, end, marks)
    if shape.timed:
        words = words.replace(_EDITED, "")
        if _NO_MESSAGE.fullmatch(text, start, end):
            return words.slice(0, 0)
    if "\n" not in words.text and "\r" not in words.text:
        return words  # a margin and a line of the system are never on the first line
    if shape.proof == "court":
        words = words.replace(_MARGIN, "").stripped()
    return words.replace(_SYSTEM_LINE, "").stripped() if _SYSTEM_LINE.search(words.text) else words


def _words(text: str, start: int, end: int, marks: re.Pattern[str]) -> MappedText:
    """Returns what stands in a range, without white space around it and marks of time inside."""
    said = text[start:end]
    first = start + len(said) - len(said.lstrip())
    part = MappedText.part(text, first, max(first, start + len(said.rstrip())))
    return part.replace(marks, "").stripped() if has_clocks(said) else part


def _guessed(text: str, labels: Sequence[Label]) -> Transcript:
    places = [(0, labels[0].start), *_bodies(text, labels)]
    marks = marks_of_time(text)
    turns = [turn for start, end in places for turn in _changes(text, start, end, marks) if turn.text]
    return Transcript("labeled", alternating(turns), speakers_guessed=True, notes=(GUESSED_NOTE,))


def _changes(text: str, start: int, end: int, marks: re.Pattern[str]) -> Iterator[MappedText]:
    """Yields what is said between the changes of the speaker inside a line."""
    for change in _CHANGE.finditer(text, start, end):
        yield _words(text, start, change.start(), marks)
        start = change.end()
    yield _words(text, start, end, marks)
