"""What is known about the lines of a text that look like labels, counted once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from cara.transcripts.clocks import BEGINNING_SECONDS, seconds
from cara.transcripts.label_names import is_capitalized, is_full_name, is_known
from cara.transcripts.label_shapes import Label, Shape

_LINE = re.compile(r"[^\s][^\r\n]*+")
# Looked for up to the last word: line feeds with no word behind them would be tried one by one.
_BLANK_LINE = re.compile(r"(?:\r\n|\n|\r)[ \t]*+(?:\r\n|\n|\r)\s*+(?=\S)")


@dataclass(frozen=True)
class Evidence:
    """What is known about the labels of one shape in a text; names count as `speaker_key` writes them."""

    text: str
    shape: Shape
    labels: Sequence[Label]
    keys: Sequence[str | None]

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(key for key in self.keys if key)

    @cached_property
    def names(self) -> dict[str, str]:
        """The name of each key, as it was first written."""
        return {
            key: label.name for key, label in zip(self.keys, self.labels, strict=True) if key and label.name
        }

    @cached_property
    def known(self) -> set[str]:
        return {key for key in self.counts if is_known(key)}

    @cached_property
    def recurring(self) -> set[str]:
        return {key for key, count in self.counts.items() if count > 1}

    @cached_property
    def full(self) -> set[str]:
        return {key for key, name in self.names.items() if is_full_name(name)}

    @cached_property
    def capitalized(self) -> set[str]:
        return {key for key, name in self.names.items() if is_capitalized(name)}

    @cached_property
    def timed(self) -> set[str]:
        """Those whose names stand at times."""
        return {key for key, label in zip(self.keys, self.labels, strict=True) if key and label.clock}

    @cached_property
    def header(self) -> str:
        """What stands before the first label."""
        return self.text[: self.labels[0].start].strip("\ufeff \t\r\n")

    @cached_property
    def follows_recording(self) -> bool:
        """Whether the times at the names begin as a recording does, not an agenda or the verses of a book."""
        first = next((label.clock for label in self.labels if label.clock), None)
        start = seconds(first) if first else None
        return start is not None and start <= BEGINNING_SECONDS

    @cached_property
    def heads_nearly_all(self) -> bool:
        """Whether four of five paragraphs of the talk begin with a label; lines, where none is blank."""
        end = len(self.text.rstrip())
        paragraphs = 1 + len(_BLANK_LINE.findall(self.text, self.labels[0].start, end))
        if paragraphs < len(self.labels):
            paragraphs = len(_LINE.findall(self.text, self.labels[0].start))
        return 5 * len(self.labels) >= 4 * paragraphs

    @cached_property
    def heads_half(self) -> bool:
        """Whether every second line of the text begins with a label."""
        return 2 * len(self.labels) >= len(_LINE.findall(self.text))

    @cached_property
    def alternates(self) -> bool:
        """Whether the names take turns: at least every second label is of another than the one before."""
        changes = sum(1 for one, other in pairwise(self.keys) if one != other)
        return 2 * changes >= len(self.keys) - 1

    def only(self, speakers: set[str]) -> Evidence:
        """Returns the evidence of these speakers alone, with lines of the system."""
        kept = [
            (label, key)
            for label, key in zip(self.labels, self.keys, strict=True)
            if not key or key in speakers
        ]
        return Evidence(self.text, self.shape, [label for label, _ in kept], [key for _, key in kept])
