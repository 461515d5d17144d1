"""Finds the phrases of a list in a talk, and tells by the words beside one whether it means what is meant."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from cara.speech.schemas import PhraseUse
from cara.speech.words import BREAK, END, Words


@dataclass(frozen=True, slots=True)
class FoundPhrase:
    """A phrase of a list, at the words [start, end)."""

    phrase: str
    start: int
    end: int


class PhraseList:
    """Phrases to look for, in one pass and the longest first: `a little bit` wins over `a little`."""

    def __init__(self, phrases: Iterable[str]) -> None:
        by_words = sorted((phrase.split() for phrase in phrases), key=len, reverse=True)
        self._first_words = {words[0] for words in by_words}
        self._single_words = {words[0] for words in by_words if len(words) == 1}
        self._by_pair: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
        for words in by_words:
            if len(words) > 1:
                self._by_pair[words[0], words[1]].append(words)

    def find(self, words: Words, across: int = 0) -> Iterator[FoundPhrase]:
        """Yields every phrase in the words, from left to right.

        None overlaps another, or crosses a comma or the end of a sentence, unless `across` has that bit.
        """
        barriers = (BREAK | END) & ~across
        free_from = 0
        lower = words.lower
        for start, (word, following) in enumerate(zip_longest(lower, lower[1:], fillvalue="")):
            if word in self._first_words and start >= free_from:
                longer = self._by_pair.get((word, following), ())
                end = start
                if longer or word in self._single_words:
                    end = self._phrase_end(words, start, longer, barriers)
                if end > start:
                    yield FoundPhrase(" ".join(lower[start:end]), start, end)
                    free_from = end

    def _phrase_end(self, words: Words, start: int, longer: Iterable[list[str]], barriers: int) -> int:
        """Returns the end of the longest phrase that begins at the start; the start itself when none does."""
        lower = words.lower
        for phrase in longer:
            end = start + len(phrase)
            if lower[start:end] == phrase and _is_unbroken(words, start, end, barriers):
                return end
        return start + 1 if lower[start] in self._single_words else start


@dataclass(frozen=True, slots=True)
class Company:
    """The words beside which a phrase has the meaning that is looked for; None is any.

    They are those of the same sentence, whether a comma comes between or not. Where it begins or ends, the
    word is an empty string.
    """

    not_after: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()
    only_before: frozenset[str] | None = None

    def suits(self, words: Words, found: FoundPhrase) -> bool:
        """Returns whether the phrase has its meaning where it is found."""
        before, following = word_before(words, found), word_after(words, found)
        return (
            before not in self.not_after
            and following not in self.not_before
            and (self.only_before is None or following in self.only_before)
        )


def word_before(words: Words, found: FoundPhrase) -> str:
    """Returns the word before the phrase in its sentence; an empty string if there is none."""
    last = found.start - 1
    return words.lower[last] if last >= 0 and not words.after[last] & END else ""


def word_after(words: Words, found: FoundPhrase) -> str:
    """Returns the word after the phrase in its sentence; an empty string if there is none."""
    is_last = found.end == len(words) or words.after[found.end - 1] & END
    return "" if is_last else words.lower[found.end]


def phrase_use(phrases: Iterable[FoundPhrase], fluent: Words) -> PhraseUse:
    """Returns how often the phrases are said among the fluent words: in all, per 100 of these, and each."""
    counts = Counter(found.phrase for found in phrases)
    return PhraseUse(
        count=counts.total(),
        per_hundred_words=per_hundred(counts.total(), len(fluent)),
        phrases=dict(counts.most_common()),
    )


def per_hundred(count: int, fluent_words: int) -> float | None:
    """Returns the count per 100 fluent words, to two decimals; None without words.

    Fluent words, because a filler or a repair more must not make anything else seem rarer.
    """
    return round(100 * count / fluent_words, 2) if fluent_words else None


def _is_unbroken(words: Words, start: int, end: int, barriers: int) -> bool:
    return not any(bits & barriers for bits in words.after[start : end - 1])
