"""Text that shows: a name of spaces or of characters without a shape is none."""

from __future__ import annotations

import unicodedata

_EMPTY_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_EMPTY_LETTERS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
"""Fillers that Unicode counts among letters, marks and symbols although nothing is drawn for them."""


def with_something_to_see(text: str) -> str:
    """The text as it is; a ValueError when it is blank to whoever reads it."""
    if all(unicodedata.category(each) in _EMPTY_CATEGORIES or each in _EMPTY_LETTERS for each in text):
        raise ValueError("must not be blank")
    return text
