"""Hesitation sounds of many languages, by their usual spelling, however long they are drawn out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from cara.expressions import compiled

# In every language, except where one is a word.
_SOUNDS = (
    ("um", re.compile(r"u++h*+m++")),
    ("ehm", re.compile(r"e++h++m++")),
    ("uh", re.compile(r"u++h++")),
    ("erm", re.compile(r"e++r++m++")),
    ("er", re.compile(r"e++r++")),
    ("ah", re.compile(r"a++h++")),
    ("hmm", re.compile(r"h++m++|m{2,}+")),
    ("äh", re.compile(r"ä++h++")),
    ("ähm", re.compile(r"ä++h*+m++")),
    ("öh", re.compile(r"ö++h++m*+|ö{2,}+")),
    ("euh", re.compile(r"e++u++h++")),
    ("eee", re.compile(r"e{3,}+")),
    ("ııı", re.compile(r"i?+ı{2,}+")),
    ("yyy", re.compile(r"y{3,}+")),
    ("эм", re.compile(r"э++м++|м{2,}+")),
    ("э", compiled(r"э++(?:-э++)*+")),
    ("えーと", re.compile(r"え[ーえぇ]++っ?と[ーお]*+")),
    ("えっと", re.compile(r"えっと[ーお]*+")),
    ("えー", re.compile(r"え[ーえぇ]++")),
    ("あのー", re.compile(r"あの[ーう]++")),
    ("そのー", re.compile(r"その[ーう]++")),
    ("うーん", re.compile(r"う[ーう]++ん*+|ん[ーん]++")),
    ("あー", re.compile(r"あー++")),
    ("嗯", re.compile(r"嗯++")),
    ("呃", re.compile(r"呃++")),
    ("음", re.compile(r"으*음++|어{2,}+|으{2,}+")),
    ("เอ่อ", re.compile(r"เอ่อ++|อืม++")),
    ("हम्म", re.compile(r"हम्+म")),
    ("उम्म", re.compile(r"[उअ]म्+म")),
)  # fmt: skip
_FIRST_LETTERS = frozenset("ueahmäöıiyэмえあそうん嗯呃으음어เอहउअ")
_MAX_LETTERS = 20
_REPEATED = re.compile(r"(.)\1++")

# Hesitations that are words, names or sounds of another kind in other languages.
_ALSO = {
    "de": frozenset({"aeh", "aehm"}),
    "es": frozenset({"eh", "em"}),
    "fr": frozenset({"heu", "hum"}),
    "it": frozenset({"eh"}),
    "pt": frozenset({"hum", "hã", "ahn", "eh", "ã", "ãh"}),
    "nl": frozenset({"eh"}),
    "sv": frozenset({"eh"}),
    "tr": frozenset({"ee", "hım", "ıhm"}),
    "hi": frozenset({"अं", "अँ", "उम"}),
    "mr": frozenset({"अं"}),
    "ko": frozenset({"어"}),
}
_WORDS = {
    "de": frozenset({"um", "er"}),
    "nl": frozenset({"er"}),
    "pt": frozenset({"um"}),
    "sv": frozenset({"er", "um"}),
    "tr": frozenset({"er"}),
    "und": frozenset({"um", "er"}),
}

_ANSWERS = frozenset({"uh", "hm", "hmm", "mm"})

KNOWN_IN = frozenset("en es fr de it pt nl sv pl tr hi hi-Latn mr ne ja zh ko th und-Cyrl und-Deva".split())
"""The languages of which we know how people hesitate."""


def hesitations_among(words: Iterable[str], language: str = "en") -> dict[str, str]:
    """Returns the hesitation sounds among lower-case words, each with its usual spelling: `ummm` is `um`."""
    no_sounds, also = _WORDS.get(language, frozenset()), _ALSO.get(language, frozenset())
    found = ((word, _listed(word, also) or _sound(word)) for word in words)
    return {word: name for word, name in found if name and word not in no_sounds}


def _listed(word: str, sounds: frozenset[str]) -> str | None:
    """Returns which of the sounds a word is, drawn out or not: `ehhh` is `eh`."""
    if not sounds or word in sounds:
        return word if word in sounds else None
    short = _REPEATED.sub(r"\1", word[:_MAX_LETTERS])
    return short if short in sounds and len(word) <= _MAX_LETTERS else None


def _sound(word: str) -> str | None:
    *stutter, word = word.split("-")
    if stutter and not _stammers(stutter, word):
        return None
    return _matching(word) if word[:1] in _FIRST_LETTERS and len(word) <= _MAX_LETTERS else None


@lru_cache(maxsize=4_096)
def _matching(word: str) -> str | None:
    """Returns the sound that a short word is; talks have most of their words in common."""
    return next((name for name, sound in _SOUNDS if sound.fullmatch(word)), None)


def _stammers(parts: list[str], sound: str) -> bool:
    """Returns whether the parts are beginnings of the sound: `u-um`, unlike `mm-hmm` and `uh-uh`."""
    return sound not in _ANSWERS and all(part and sound.startswith(part) for part in parts)
