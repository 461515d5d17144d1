"""Finds phrases of a list in a talk, in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from cara.speech.schemas import PhraseUse
from cara.speech.words import BREAK, END, Words


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase of a list, and where it stands (`end` is not included)."""

    phrase: str
    start: int
    end: int


class PhraseList:
    """Phrases by their first word, the longer ones first, so that `a little bit` wins over `a little`."""

    def __init__(self, phrases: Iterable[str]) -> None:
        by_words = sorted((phrase.split() for phrase in phrases), key=len, reverse=True)
        self._first = {words[0] for words in by_words}
        self._alone = {words[0] for words in by_words if len(words) == 1}
        self._by_pair: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
        for words in by_words:
            if len(words) > 1:
                self._by_pair[words[0], words[1]].append(words)

    def found_in(self, words: Words) -> Iterator[Found]:
        """Every phrase in the words, from left to right, none within another and none across a comma or a
        sentence's end."""
        free = 0
        small = words.small
        for start, (word, following) in enumerate(zip_longest(small, small[1:], fillvalue="")):
            if word in self._first and start >= free:
                longer = self._by_pair.get((word, following), ())
                end = self._end_of_phrase(words, start, longer) if longer or word in self._alone else start
                if end > start:
                    yield Found(" ".join(small[start:end]), start, end)
                    free = end

    def _end_of_phrase(self, words: Words, start: int, longer: Iterable[list[str]]) -> int:
        """Where the longest phrase ends that begins here; the start itself when none does."""
        small = words.small
        for phrase in longer:
            end = start + len(phrase)
            if small[start:end] == phrase and unbroken(words, start, end):
                return end
        return start + 1 if small[start] in self._alone else start


def unbroken(words: Words, start: int, end: int) -> bool:
    """Whether nothing but space stands between the words of a phrase."""
    return not any(what & (BREAK | END) for what in words.after[start : end - 1])


def use_of(phrases: Iterable[str], all_words: int) -> PhraseUse:
    """The phrases counted, in all and per 100 words."""
    counts = Counter(phrases)
    return PhraseUse(
        count=counts.total(),
        per_hundred_words=per_hundred(counts.total(), all_words),
        phrases=dict(counts.most_common()),
    )


def per_hundred(count: int, all_words: int) -> float | None:
    """The count in 100 words, to two decimals; nothing without words."""
    return round(100 * count / all_words, 2) if all_words else None
