"""Estimates of tokens, calibrated on the vocabulary that Gemini counts with.

`countTokens` would be exact, but is another round trip before every first word, and another thing that can
fail. Estimates are what a call reserves before it is sent, and what it is charged where Gemini tells no
count.

The vocabulary is that of Gemma 3, by which the SDK's own `LocalTokenizer` counts for Gemini 2 and 3; for
newer models it names Gemma 4. It joins a space to the word behind it, keeps most English words whole,
gives every digit a token of its own, and joins punctuation, line breaks and indents that repeat. So Latin
text is counted by words, and other scripts by characters. The weights are hundredths of a token, fitted by
least squares; `bench/token_estimates.py` measures how near they come, and docs/benchmarks.md shows it kind
by kind.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from cara.gemini.calls import GeminiCall

TURN_TOKENS: Final = 1
"""The frame of one turn beside its text.

Google's documentation shows a prompt of 10 tokens that is billed as 11.
"""

_MARGIN_PERCENT: Final = 120
_MARGIN_TOKENS: Final = 16
"""For short texts, where a single unusual word weighs much."""

_DEFAULT_THINKING_ROOM: Final = 16_384
_THINKING_ROOM: Final = {"minimal": 512, "low": 2_048, "medium": 8_192, "high": 24_576}

_WORD: Final = 86
_FIVE_LETTERS: Final = 16
_ELEVEN_LETTERS: Final = 160
"""A word so long is two or three tokens."""
_UNUSUAL_LETTER: Final = 80
"""Frequent in other languages than English, whose words are more tokens, and in random letters."""
_UNUSUAL_LETTERS: Final = b"jkqxzJKQXZ"
_MARKED_LETTER: Final = 55
_TWO_CAPITALS: Final = 10
_CAPITAL_WITHIN: Final = 50
_LETTER_AFTER_DIGIT: Final = 40
_DIGIT: Final = 100
_DIGIT_AFTER_SPACE: Final = 95
"""The space cannot join a digit, so it is a token too."""
_PUNCTUATION: Final = 4
_PUNCTUATION_RUN: Final = 90
_BLANK: Final = 3
_BREAK: Final = 100
"""A run of line breaks, of tabs, or of two spaces or more."""
_FOREIGN_WORD: Final = 26
_FOREIGN_CHARACTER: Final = {
    "g": 35,  # Greek
    "c": 23,  # Cyrillic
    "h": 49,  # Armenian, Hebrew
    "a": 33,  # Arabic
    "d": 22,  # Devanagari, Bengali
    "t": 25,  # Gurmukhi to Tamil
    "k": 42,  # Telugu to Sinhala
    "i": 34,  # Thai, Lao
    "e": 67,  # Ethiopic
    "o": 24,  # Tibetan, Burmese, Georgian, Khmer and others
    "s": 105,  # typographic punctuation, symbols
    "j": 41,  # kana, CJK punctuation
    "z": 70,  # Chinese characters
    "n": 69,  # Hangul
    "y": 51,  # one of two UTF-16 units: emoji and rare characters
    "w": 40,  # full-width forms, variation selectors
}


def _table(other: str, classes: Iterable[tuple[str, Iterable[int]]]) -> bytes:
    """Returns a table for `bytes.translate`: the class of each of 256 values."""
    table = bytearray(other.encode() * 256)
    for name, values in classes:
        for value in values:
            table[value] = ord(name)
    return bytes(table)


# UTF-8 without continuation bytes is one byte for each character.
_CONTINUATION: Final = bytes(range(0x80, 0xC0))
_LATIN: Final = _table(
    ".",
    [
        ("a", string.ascii_lowercase.encode()),
        ("A", string.ascii_uppercase.encode()),
        ("0", string.digits.encode()),
        (" ", b" "),
        ("t", b"\t"),
        ("n", b"\n\r\v\f"),
        ("l", range(0xC3, 0xCE)),
        ("x", range(0xCE, 0x100)),
        ("v", [0xE1]),  # leads the letters of Vietnamese
    ],
)
# The upper byte of a UTF-16 unit names a block of 256 characters; " " is counted as Latin.
_BLOCKS: Final = _table(
    " ",
    [
        ("g", [0x03, 0x1F]),
        ("c", [0x04]),
        ("h", [0x05]),
        ("a", range(0x06, 0x09)),
        ("d", [0x09]),
        ("t", range(0x0A, 0x0C)),
        ("k", range(0x0C, 0x0E)),
        ("i", [0x0E]),
        ("o", [*range(0x0F, 0x12), *range(0x14, 0x1E), *range(0xA0, 0xAC)]),
        ("e", [0x12, 0x13]),
        ("s", [*range(0x20, 0x30), 0x32, 0x33, *range(0xE0, 0xF9)]),
        ("j", [0x30, 0x31]),
        ("z", [*range(0x34, 0xA0), *range(0xF9, 0xFE)]),
        ("n", range(0xAC, 0xD8)),
        ("y", range(0xD8, 0xE0)),
        ("w", [0xFE, 0xFF]),
    ],
)


def _only(classes: str) -> bytes:
    return _table(" ", [("a", classes.encode())])


_LETTERS: Final = _only("aAlv")
_FOREIGN_LETTERS: Final = _only("gchadtko")
_CLASS: Final = {name: _only(name) for name in ". tn"}


def estimate_tokens(*texts: str) -> int:
    """Returns about as many tokens as Gemini counts for the texts together; 0 for none.

    Within 6 % for English talks and our own prompts, within 20 % for most other text; neither an upper nor
    a lower bound. Never less for a text than for its beginning. Takes time linear in the text.
    """
    return -(-sum(map(_hundredths, texts)) // 100)


def estimate_prompt(call: GeminiCall) -> int:
    """Returns the same for all that a call sends: its instruction, its turns and their frames, its schema."""
    if call.prompt_estimate is not None:
        return call.prompt_estimate
    texts = [part["text"] for turn in call.contents for part in turn["parts"]]
    if call.response_schema is not None:
        texts.append(json.dumps(call.response_schema, separators=(",", ":")))
    frames = len(call.contents) + bool(call.system_instruction)
    return estimate_tokens(call.system_instruction, *texts) + TURN_TOKENS * frames


def with_estimate(call: GeminiCall) -> GeminiCall:
    """Returns the call with the estimate of its prompt, so that it is made once."""
    return replace(call, prompt_estimate=estimate_prompt(call))


def with_margin(tokens: int) -> int:
    """Returns what Gemini's own count will not exceed for a text of which `tokens` is the estimate.

    For reservations. Holds for talks, prompts, code, encoded data, and prose in some forty languages. Those
    of which the vocabulary has few words (Welsh, Icelandic, Kazakh, Lao) cost up to three quarters more than
    the estimate, and text that is made for it can cost more still.
    """
    return -(-tokens * _MARGIN_PERCENT // 100) + _MARGIN_TOKENS


def thinking_room(level: str | None) -> int:
    """Returns the output tokens to add to an answer's room for thoughts; None is the model's default level.

    Thoughts count against `maxOutputTokens`, and a level is no limit in tokens: with too little room an
    answer ends before its first word. The sizes are the budgets to which Google's OpenAI compatibility maps
    low, medium and high for 2.5 models (1,024, 8,192 and 24,576 tokens), low doubled; 3.x documents none.
    The default level of Flash is medium since 3.5, that of Pro high: its room lies between. An unknown level
    counts as the default. Source: ai.google.dev/gemini-api/docs/openai and /thinking.
    """
    return _DEFAULT_THINKING_ROOM if level is None else _THINKING_ROOM.get(level, _DEFAULT_THINKING_ROOM)


def _hundredths(text: str) -> int:
    encoded = text.encode("utf-8", "replace")
    characters = encoded.translate(_LATIN, _CONTINUATION)
    total = _words(characters, encoded) + _signs(characters)
    return total if text.isascii() else total + _foreign(text)


def _words(characters: bytes, encoded: bytes) -> int:
    """Words in Latin letters, without what stands between them."""
    letters = b" " + characters.translate(_LETTERS)
    unusual = len(encoded) - len(encoded.translate(None, _UNUSUAL_LETTERS))
    return (
        _WORD * letters.count(b" a")
        + _FIVE_LETTERS * letters.count(b"a" * 5)
        + _ELEVEN_LETTERS * letters.count(b"a" * 11)
        + _UNUSUAL_LETTER * unusual
        + _MARKED_LETTER * characters.count(b"l")
        + _TWO_CAPITALS * characters.count(b"AA")
        + _CAPITAL_WITHIN * characters.count(b"aA")
        + _LETTER_AFTER_DIGIT * characters.count(b"0a")
    )


def _signs(characters: bytes) -> int:
    """Digits, punctuation and blanks."""
    blanks = characters.count(b" ") + characters.count(b"t") + characters.count(b"n")
    return (
        _DIGIT * characters.count(b"0")
        + _DIGIT_AFTER_SPACE * characters.count(b" 0")
        + _PUNCTUATION * characters.count(b".")
        + _PUNCTUATION_RUN * _runs(characters, ".")
        + _BLANK * blanks
        + _BREAK * (_runs(characters, "n") + _runs(characters, "t") + _runs(characters, " ", b" aa"))
    )


def _runs(characters: bytes, name: str, start: bytes = b" a") -> int:
    return (b" " + characters.translate(_CLASS[name])).count(start)


def _foreign(text: str) -> int:
    """Characters of other scripts than Latin, and words of scripts with spaces."""
    blocks = text.encode("utf-16-le", "surrogatepass")[1::2].translate(_BLOCKS)
    letters = b" " + blocks.translate(_FOREIGN_LETTERS)
    weights = _FOREIGN_CHARACTER.items()
    return _FOREIGN_WORD * letters.count(b" a") + sum(
        weight * blocks.count(name.encode()) for name, weight in weights
    )
