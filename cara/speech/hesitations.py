"""Hesitation sounds: um, uh, er, erm, ah and hmm, however long they are drawn out."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SOUNDS = (
    ("um", re.compile(r"u++h*+m++|e++h++m++")),
    ("uh", re.compile(r"u++h++")),
    ("erm", re.compile(r"e++r++m++")),
    ("er", re.compile(r"e++r(?:r{2,}+)?")),
    ("ah", re.compile(r"a++h++")),
    ("hmm", re.compile(r"h++m++|m{2,}+")),
)
_LONGEST = 20


def hesitation(word: str) -> str | None:
    """The usual spelling of the hesitation that a word in small letters is, if any: `ummm` is `um`."""
    if len(word) <= _LONGEST and word[:1] in "ueahm":
        for name, sound in _SOUNDS:
            if sound.fullmatch(word):
                return name
    return None


def hesitations_among(words: Iterable[str]) -> dict[str, str]:
    """The hesitations among the words, each with its usual spelling."""
    return {word: name for word in words if (name := hesitation(word))}
