"""Text in which each turn begins with the name of its speaker, and text without names."""

from __future__ import annotations

import re

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import Transcript, Utterance

_LABEL = re.compile(r"^[ \t]*([^\W\d_][^\n:：]{0,40}?)[ \t]*[:：][ \t]*", re.MULTILINE)


def read_labeled(text: str) -> Transcript | None:
    """Returns the turns of a dialogue in which labels begin lines; None if the text is no dialogue."""
    labels = list(_LABEL.finditer(text))
    if len(labels) < 2 or text[: labels[0].start()].strip():
        return None
    ends = [label.start() for label in labels[1:]] + [len(text)]
    return Transcript(
        "labeled",
        tuple(
            Utterance(MappedText.part(text, label.end(), end).stripped(), label[1])
            for label, end in zip(labels, ends, strict=True)
        ),
    )


def read_plain(text: str) -> Transcript:
    """Returns the text as one utterance of one speaker without a name."""
    return Transcript("plain", (Utterance(MappedText.whole(text).stripped()),))
