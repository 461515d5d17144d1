"""Whether what stands before the first label of a text is the header of a dialogue."""

from __future__ import annotations

import re

from cara.transcripts.evidence import Evidence
from cara.transcripts.utterances import speaker_key

# A header states the title, the date and who takes part; what is longer or is in sentences is a talk.
_HEADER_WORDS = 60
_HEADER_LINE_WORDS = 14
_ENDS_SENTENCE = re.compile(r"[.!?。！？…]['\"”’)]?\s*$")
_STATES_FACT = re.compile(r"[^\n:：]{1,40}[:：]|\W")
# Who tells of themselves gives a talk, and so does who quotes others behind a sentence of the same paragraph.
_FIRST_PERSON = re.compile(
    r"\b(?:I|me|my|myself|ich|mich|mir|mein\w{0,2}|je|moi|mon|ma|mes|yo|mi|mis|io|mio|mia|eu|meu|minha|ik|mij)\b"
)
_QUOTED_LABELS = 8
_BLANK_LINE = re.compile(r"(?:\r\n|\n|\r)[ \t]*+(?:\r\n|\n|\r)")


def follows_header(said: Evidence) -> bool:
    """Returns whether the labels begin the text, or what stands before them is a header."""
    words = len(said.header.split())
    if not words or words > _HEADER_WORDS:
        return not words
    if said.shape.proof == "time" and speaker_key(said.header.splitlines()[0]) in said.counts:
        return False  # the times stand below what is said: each belongs to the name before it
    if said.timed:
        return True
    if _is_told(said):
        return False
    if _introduces(said) or (said.known and len(said.labels) > 3 and words <= _HEADER_WORDS // 2):
        return True
    if len(said.labels) > 5 and 6 * len(said.header) < len(said.text):
        return True
    return all(_is_header_line(line) for line in said.header.splitlines() if line.strip())


def _is_told(said: Evidence) -> bool:
    """Returns whether what stands before the labels begins a story in which others are quoted."""
    if not _ENDS_SENTENCE.search(said.header[-80:]):
        return False
    return bool(_FIRST_PERSON.search(said.header)) or (
        len(said.labels) <= _QUOTED_LABELS and not _stands_apart(said)
    )


def _introduces(said: Evidence) -> bool:
    """Returns whether a paragraph introduces a dialogue in which names recur at every paragraph."""
    return _stands_apart(said) and len(said.recurring) > 1 and said.heads_nearly_all


def _stands_apart(said: Evidence) -> bool:
    """Returns whether a blank line stands between the header and the first label."""
    return bool(_BLANK_LINE.search(said.text[: said.labels[0].end], len(said.header)))


def _is_header_line(line: str) -> bool:
    if _STATES_FACT.match(line.strip()):
        return True
    return len(line.split()) <= _HEADER_LINE_WORDS and not _ENDS_SENTENCE.search(line[-80:])
