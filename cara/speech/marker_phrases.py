"""The phrases that may be discourse markers, those that never are, and where a talk has any of them."""

from __future__ import annotations

from cara.speech.markers import MARKERS

ORDINARY = frozenset({
    "as well", "so what if", "so far", "so called", "so help me god", "right you are", "like it or not",
    "i mean what i say", "i mean what i said", "right now", "right away", "like i said", "like you said",
    "like we said", "like he said", "like she said", "like they said", "like i say", "like i mentioned",
})  # fmt: skip
"""Of these no word is a marker, wherever they stand."""

ORDINARY_LAST = {"so what": ("so",), "i mean well": ("i mean", "well")}
"""Nor of these at the end of a sentence; else they are the phrases beside them."""

SPELLINGS = {
    "ok": "okay", "y'know": "you know", "ya know": "you know", "yknow": "you know", "kinda": "kind of",
    "anyways": "anyway", "o.k": "okay",
    "sorta": "sort of",
}  # fmt: skip

_SINGLE_WORDS = frozenset(phrase for phrase in (*MARKERS, *SPELLINGS) if " " not in phrase)
PAIRS = frozenset(tuple(phrase.split()) for phrase in MARKERS if " " in phrase)
SET_PAIRS = PAIRS | {
    ("i", "guess"), ("i", "suppose"), ("i'm", "not"), ("feel", "like"), ("that", "makes"), ("makes", "sense"),
}  # fmt: skip
"""Words that only a filler comes between."""

PHRASE_WORDS = _SINGLE_WORDS.union(*PAIRS)


def is_in_phrase(lower: list[str], index: int) -> bool:
    """Returns whether the word, one of `PHRASE_WORDS`, belongs to a phrase of the list, marker or not."""
    if lower[index] in _SINGLE_WORDS:
        return True
    return tuple(lower[index : index + 2]) in PAIRS or tuple(lower[max(0, index - 1) : index + 1]) in PAIRS


def marker_indexes(lower: list[str]) -> list[int]:
    """Returns the indexes of the words in phrases that may be discourse markers, whether they are or not."""
    return [index for index, word in enumerate(lower) if word in PHRASE_WORDS and is_in_phrase(lower, index)]
