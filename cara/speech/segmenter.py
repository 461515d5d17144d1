"""Tells words apart in scripts without spaces, by the dictionaries of ICU."""

from __future__ import annotations

import re

from icu4py.breakers import WordBreaker

UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    r"\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Letters of scripts in which nothing stands between the words, as the inside of a character class."""

_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
# ICU counts in UTF-16 units, in which these are two; and a lone surrogate is no text to it.
_NOT_ONE_UNIT = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")
_RARE_HAN = "\u3400"
"""Begins no word of a dictionary."""
WORD_END = "\x1f"
"""Stands where a word ends though nothing stands between it and the next one."""

_NEEDLESS_WORD_END = re.compile(f"(?<![{UNSPACED}]){WORD_END}(?![{UNSPACED}])")


def is_unspaced(word: str) -> bool:
    """Returns whether the word begins in a script without spaces between words."""
    return bool(_UNSPACED_LETTER.match(word))


def with_word_ends(text: str) -> str:
    """Returns the text with `WORD_END` around the words of scripts without spaces, in linear time."""
    if text.isascii() or not _UNSPACED_LETTER.search(text):
        return text
    units = _NOT_ONE_UNIT.sub(lambda match: _RARE_HAN if is_unspaced(match[0]) else "a", text)
    pieces = [text[start:end] for start, end in WordBreaker(units, "en").segments()]
    return _NEEDLESS_WORD_END.sub("", WORD_END.join(pieces))
