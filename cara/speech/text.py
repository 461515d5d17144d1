"""Normalizes the text of a turn: Unicode form, line ends, apostrophes, invisible characters, stage marks."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.stage_marks import find_stage_marks

# Sentinels of one character. They are control characters, which no normalized text has otherwise.
TURN = "\x1c"
ITEM = "\x1d"
PAUSE = "\x1e"

MAX_STAGE_MARKS = 20

# The most combining marks on one letter (UAX #15, stream-safe text): sorting more takes quadratic time.
_MAX_COMBINING_MARKS = 30

# What nobody sees, and is inside of words too: soft hyphens, joiners, directions, variations of a character.
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180b-\u180e\u200c-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]+"
)
_WINDOWS_LINE_END = re.compile("\r\n")
# Each is one character for one character, so that offsets stay the same.
_REPLACEMENTS = (
    ("\r", "\n"), ("\x85", "\n"), ("\u2028", "\n"), ("\u2029", "\n"), ("\x0b", " "),
    ("\x0c", " "), ("\u200b", " "), ("’", "'"), ("‘", "'"), ("ʼ", "'"), ("＇", "'"), ("`", "'"), ("´", "'"),
    ("%HESITATION", "uh         "),  # as Watson writes it
    *((blank, " ") for blank in "\u115f\u1160\u3164\uffa0"),  # letters of Hangul that nobody sees
    ("\u2011", "-"), ("\u2010", "-"),
)  # fmt: skip

# Underscores are emphasis, but in links, addresses, hashtags and names of files.
_UNBROKEN = re.compile(r"\S+")
_AROUND = "_*\"'“”.,;:!?…()[]"
_OF_ADDRESS = re.compile(r"://|[@#]|\.[A-Za-z0-9]")


def normalize(text: str) -> MappedText:
    """Returns the text in NFC, with ASCII apostrophes and `\\n` line ends, without control characters.

    Zero-width spaces are spaces, which they are to a reader of Thai or Khmer; what joins or directs letters
    is left out.
    """
    mapped = compose(text).replace(_WINDOWS_LINE_END, "\n")
    return MappedText(_replaced(mapped.text), mapped.offsets).replace(_CONTROLS, "")


def normalized(text: str) -> str:
    """Returns the text as `normalize` does, in a third of the time, since it keeps no offsets."""
    return _CONTROLS.sub("", _replaced(to_nfc(text).replace("\r\n", "\n")))


def _replaced(text: str) -> str:
    for old, new in _REPLACEMENTS:
        text = text.replace(old, new)
    return _UNBROKEN.sub(_without_emphasis, text) if "_" in text else text


def _without_emphasis(unbroken: re.Match[str]) -> str:
    before, address, after = unbroken[0], "", ""
    if _OF_ADDRESS.search(before):
        before, address, after = before.partition(before.strip(_AROUND))
    return before.replace("_", " ") + address + after.replace("_", " ")


def remove_stage_marks(text: str) -> tuple[str, dict[str, int]]:
    """Returns the text without `[pause]`, `(laughs)` and the like, and the count of each mark.

    A silence leaves the `PAUSE` sentinel. The `MAX_STAGE_MARKS` most frequent marks are returned.
    """
    counts: Counter[str] = Counter()
    parts: list[str] = []
    position = 0
    for mark in find_stage_marks(text):
        counts[mark.name] += 1
        parts += (text[position : mark.start], f" {PAUSE} " if mark.is_silence else " ")
        position = mark.end
    return "".join([*parts, text[position:]]), dict(counts.most_common(MAX_STAGE_MARKS))


def to_nfc(text: str) -> str:
    """Returns the text in NFC, in linear time: marks beyond thirty on one letter are composed separately."""
    return compose(text).text if _too_many_marks().search(text) else unicodedata.normalize("NFC", text)


def compose(text: str) -> MappedText:
    """Returns the text in NFC as `to_nfc` gives it, with its offsets; slower than `to_nfc`."""
    if not _too_many_marks().search(text) and unicodedata.is_normalized("NFC", text):
        return MappedText(text, list(range(len(text) + 1)))
    parts: list[str] = []
    offsets: list[int] = []
    for start, end in _clusters(text):
        part = unicodedata.normalize("NFC", text[start:end])
        parts.append(part)
        offsets += range(start, end) if len(part) == end - start else [start] * len(part)
    return MappedText("".join(parts), [*offsets, len(text)])


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yields ranges that compose independently of their neighbors.

    Where nothing changes, they are as long as possible.
    """
    position = 0
    for match in _combining_sequence().finditer(text):
        yield from _uncombined(text, position, match.start())
        yield match.span()
        position = match.end()
    yield from _uncombined(text, position, len(text))


def _uncombined(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if unicodedata.is_normalized("NFC", text[start:end]):
        yield start, end
    else:
        yield from ((index, index + 1) for index in range(start, end))


@cache
def _too_many_marks() -> re.Pattern[str]:
    return re.compile(f"[{_combining_characters()}]{{{_MAX_COMBINING_MARKS + 1},}}")


@cache
def _combining_sequence() -> re.Pattern[str]:
    return re.compile(f"[^{_combining_characters()}]?[{_combining_characters()}]{{1,{_MAX_COMBINING_MARKS}}}")


@cache
def _combining_characters() -> str:
    """Returns the characters that may combine with the one before, as the inside of a character class.

    These are marks, vowel signs that compose, and the later letters of a Hangul syllable; of the planes above
    the first all characters, since a class of single ones is slow there.
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
