"""Variety of words."""

from __future__ import annotations

from collections.abc import Iterable

from cara.speech.schemas import Vocabulary
from cara.speech.words import Words

_FACTOR_ENDS_AT = 0.72
_SHORT_TEXT = 50


def vocabulary(fluent: Words) -> Vocabulary | None:
    """How varied the words are, fillers left out: MTLD, or the type-token ratio under 50 words.

    MTLD is the mean length of runs of words that keep their type-token ratio above 0.72, read forwards and
    backwards; unlike the ratio it hardly depends on the length of the text. `kind` says which one it is: they
    can't be compared with each other.
    Norm: only the learner's own past. Source: McCarthy & Jarvis 2010, Behavior Research Methods 42. Forms of
    one word (go, goes) count as different words; MTLD is unsteady under 100 words.
    """
    if not fluent.small:
        return None
    distinct = len(set(fluent.small))
    if len(fluent) < _SHORT_TEXT:
        ratio = round(distinct / len(fluent), 3)
        return Vocabulary(kind="typeTokenRatio", value=ratio, distinct_words=distinct)
    return Vocabulary(kind="mtld", value=round(mtld(fluent.small), 1), distinct_words=distinct)


def mtld(words: list[str]) -> float:
    """The measure of textual lexical diversity of at least one word; with no word twice, their number."""
    return (_mean_run(words, len(words)) + _mean_run(reversed(words), len(words))) / 2


def _mean_run(words: Iterable[str], total: int) -> float:
    factors = 0.0
    seen: set[str] = set()
    length = 0
    for word in words:
        seen.add(word)
        length += 1
        if len(seen) <= _FACTOR_ENDS_AT * length:
            factors += 1
            seen.clear()
            length = 0
    if length:
        factors += (1 - len(seen) / length) / (1 - _FACTOR_ENDS_AT)
    return total / factors if factors else float(total)
