"""Text that was changed and still knows where each of its characters stood in the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

# As many marks on one letter as a text may have (UAX #15, stream-safe): sorting more takes quadratic time.
_MOST_MARKS = 30


class Placed(NamedTuple):
    """A text, the place in the original of each of its characters, and as last place the original's end."""

    text: str
    places: list[int]

    def replaced(self, pattern: re.Pattern[str], wanted: str) -> Placed:
        """The text with `wanted` for every match, which stands where the match began."""
        if not pattern.search(self.text):
            return self
        pieces: list[str] = []
        places: list[int] = []
        at = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            pieces += (self.text[at:start], wanted)
            places += self.places[at:start]
            places += self.places[start : start + 1] * len(wanted)
            at = end
        return Placed("".join([*pieces, self.text[at:]]), places + self.places[at:])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters of [start, end), at least one, stand in the original."""
        last = self.places[end - 1]
        while self.places[end] == last:
            end += 1
        return self.places[start], self.places[end]


def in_nfc(text: str) -> str:
    """The text in NFC, in linear time: marks beyond thirty on one letter are composed for themselves."""
    return composed(text).text if _stacked().search(text) else unicodedata.normalize("NFC", text)


def composed(text: str) -> Placed:
    """The text in NFC as `in_nfc` gives it, with the places; slower by those."""
    if not _stacked().search(text) and unicodedata.is_normalized("NFC", text):
        return Placed(text, list(range(len(text) + 1)))
    pieces: list[str] = []
    places: list[int] = []
    for start, end in _clusters(text):
        piece = unicodedata.normalize("NFC", text[start:end])
        pieces.append(piece)
        places += range(start, end) if len(piece) == end - start else [start] * len(piece)
    return Placed("".join(pieces), [*places, len(text)])


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of text that compose without their neighbours: as long as possible where nothing changes."""
    at = 0
    for match in _joining().finditer(text):
        yield from _alone(text, at, match.start())
        yield match.span()
        at = match.end()
    yield from _alone(text, at, len(text))


def _alone(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if unicodedata.is_normalized("NFC", text[start:end]):
        yield start, end
    else:
        yield from ((place, place + 1) for place in range(start, end))


@cache
def _stacked() -> re.Pattern[str]:
    return re.compile(f"[{_joiners()}]{{{_MOST_MARKS + 1},}}")


@cache
def _joining() -> re.Pattern[str]:
    return re.compile(f"[^{_joiners()}]?[{_joiners()}]{{1,{_MOST_MARKS}}}")


@cache
def _joiners() -> str:
    """What can join the character before it, as the inside of a character class.

    Marks, vowel signs that compose, and the later letters of a Hangul syllable; of the planes above the
    first all characters, since a class of single ones is slow there.
    """
    signs = {chr(code) for code in range(0x300, 0x10000) if unicodedata.combining(chr(code))}
    for code in range(0xA0, 0x10000):
        parts = unicodedata.decomposition(chr(code))
        if parts and parts[0] != "<":
            first, *later = (chr(int(part, 16)) for part in parts.split())
            signs.update(later)
            if unicodedata.combining(first):
                signs.add(chr(code))
    return "".join(sorted(signs)) + "\u1161-\u1175\u11a8-\u11c2\U00010000-\U0010ffff"
