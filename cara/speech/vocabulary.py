"""The diversity of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

from cara.speech.schemas import Vocabulary
from cara.speech.words import Words

_MTLD_RATIO = 0.72
_MIN_MTLD_WORDS = 50


def measure_vocabulary(fluent: Words) -> Vocabulary | None:
    """Returns the diversity of the fluent words: MTLD, or the type-token ratio under 50 words.

    `kind` says which one it is: they can't be compared with each other. None without words.
    Norm: only the learner's own past. Source: McCarthy & Jarvis 2010, Behavior Research Methods 42.
    Limit: forms of one word (go, goes) count as different words; MTLD varies widely under 100 words.
    """
    if not fluent.lower:
        return None
    distinct = len(set(fluent.lower))
    if len(fluent) < _MIN_MTLD_WORDS:
        ratio = round(distinct / len(fluent), 3)
        return Vocabulary(kind="typeTokenRatio", value=ratio, distinct_words=distinct)
    return Vocabulary(kind="mtld", value=round(mtld(fluent.lower), 1), distinct_words=distinct)


def mtld(words: list[str]) -> float:
    """Returns the measure of textual lexical diversity (MTLD) of at least one word.

    It is the mean length, in words, of the runs that keep a type-token ratio above 0.72, over both directions
    of reading. Unlike the ratio itself it hardly depends on the length of the text. Words that never recur
    give their number.
    """
    return (_mean_run(words, len(words)) + _mean_run(reversed(words), len(words))) / 2


def _mean_run(words: Iterable[str], total: int) -> float:
    factors = 0.0
    seen: set[str] = set()
    length = 0
    for word in words:
        seen.add(word)
        length += 1
        if len(seen) <= _MTLD_RATIO * length:
            factors += 1
            seen.clear()
            length = 0
    if length:
        factors += (1 - len(seen) / length) / (1 - _MTLD_RATIO)
    return total / factors if factors else float(total)
