"""Text that shows: a name of spaces or of characters without a shape is none."""

from __future__ import annotations

import re
import unicodedata

_EMPTY_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
_EMPTY_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U0001d159\U000e0000-\U000e0fff]"
)
"""Fillers and selectors that Unicode counts among letters, marks and symbols although nothing is drawn."""


def with_something_to_see(text: str) -> str:
    """The text as it is; a ValueError when it is blank to whoever reads it."""
    if all(unicodedata.category(each) in _EMPTY_CATEGORIES or _EMPTY_LETTERS.match(each) for each in text):
        raise ValueError("must not be blank")
    return text
