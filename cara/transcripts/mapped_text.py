"""A text that was made from another one, with the way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class MappedText(NamedTuple):
    """A text, and for each of its characters the offset in the original; the last offset ends the original.

    Offsets never fall. Characters with the same offset became of one character, or stand for a place between
    two of them. Those of an unchanged text are a range.
    """

    text: str
    offsets: Sequence[int]

    @classmethod
    def whole(cls, text: str) -> MappedText:
        """Returns the unchanged text."""
        return cls(text, range(len(text) + 1))

    @classmethod
    def part(cls, text: str, start: int, end: int) -> MappedText:
        """Returns the part [start, end) of the original, unchanged."""
        return cls(text[start:end], range(start, end + 1))

    @classmethod
    def joined(cls, parts: Iterable[MappedText], separator: str = "") -> MappedText:
        """Returns the parts one after the other, which they are in the original too.

        A separator stands for the end of the part before it.
        """
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        texts: list[str] = []
        offsets: list[int] = []
        end = 0
        for part in parts:
            if texts:
                texts.append(separator)
                offsets += [end] * len(separator)
            texts.append(part.text)
            offsets += part.offsets[:-1]
            end = part.offsets[-1]
        return cls("".join(texts), [*offsets, end])

    def slice(self, start: int, end: int) -> MappedText:
        """Returns the characters [start, end), with 0 <= start <= end <= the length."""
        return MappedText(self.text[start:end], self.offsets[start : end + 1])

    def stripped(self) -> MappedText:
        """Returns the text without the white space at its ends."""
        if len(self.text.strip()) == len(self.text):
            return self
        start = len(self.text) - len(self.text.lstrip())
        return self.slice(start, max(start, len(self.text.rstrip())))

    def moved(self, characters: int) -> MappedText:
        """Returns the text of an original before which so many characters stand."""
        if isinstance(offsets := self.offsets, range):
            return MappedText(self.text, range(offsets.start + characters, offsets.stop + characters))
        return MappedText(self.text, [offset + characters for offset in offsets])

    def replace(self, pattern: re.Pattern[str], replacement: str) -> MappedText:
        """Returns the text with every match replaced, as `edited` does it."""
        return self.edited([(*match.span(), replacement) for match in pattern.finditer(self.text)])

    def edited(self, edits: Sequence[tuple[int, int, str]]) -> MappedText:
        """Returns the text in which what stands at [start, end) is replaced, for each `(start, end, text)`.

        Edits are in order and do not overlap. A replacement has the offset at which its edit begins. What is
        taken away at the end of the text is no part of its range in the original any more.
        """
        if not edits:
            return self
        parts: list[str] = []
        offsets: list[int] = []
        position = 0
        for start, end, replacement in edits:
            parts += (self.text[position:start], replacement)
            offsets += self.offsets[position:start]
            offsets += [self.offsets[start]] * len(replacement)
            position = end
        offsets += self.offsets[position:]
        offsets[-1] = self.offsets[_end_of_kept(len(self.text), edits)]
        return MappedText("".join([*parts, self.text[position:]]), offsets)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Returns the range of the original that became the characters [start, end), which are not empty."""
        last = self.offsets[end - 1]
        while end < len(self.text) and self.offsets[end] == last:
            end += 1
        return self.offsets[start], self.offsets[end]


def _end_of_kept(end: int, edits: Sequence[tuple[int, int, str]]) -> int:
    """Returns where what is taken away at the end of a text begins; the end, if nothing is."""
    for start, stop, replacement in reversed(edits):
        if stop < end or replacement:
            break
        end = start
    return end
