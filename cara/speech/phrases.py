"""Finds the phrases of a list in a talk, and counts hedges and assertives: phrases that soften or commit."""

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

    def find(self, words: Words) -> Iterator[FoundPhrase]:
        """Yields every phrase in the words, from left to right.

        None overlaps another, or crosses a comma or the end of a sentence.
        """
        free_from = 0
        lower = words.lower
        for start, (word, following) in enumerate(zip_longest(lower, lower[1:], fillvalue="")):
            if word in self._first_words and start >= free_from:
                longer = self._by_pair.get((word, following), ())
                end = (
                    self._phrase_end(words, start, longer) if longer or word in self._single_words else start
                )
                if end > start:
                    yield FoundPhrase(" ".join(lower[start:end]), start, end)
                    free_from = end

    def _phrase_end(self, words: Words, start: int, longer: Iterable[list[str]]) -> int:
        """Returns the end of the longest phrase that begins at the start; the start itself when none does."""
        lower = words.lower
        for phrase in longer:
            end = start + len(phrase)
            if lower[start:end] == phrase and _is_unbroken(words, start, end):
                return end
        return start + 1 if lower[start] in self._single_words else start


_HEDGES = PhraseList(
    (
        "i think", "i guess", "i feel like", "maybe", "perhaps", "possibly", "probably", "might", "could be",
        "a bit", "a little", "a little bit", "somewhat", "kind of", "sort of", "just", "if that makes sense",
        "i'm not sure", "i am not sure", "to be honest",
    )
)  # fmt: skip
_ASSERTIVES = PhraseList(
    (
        "i will", "i'll", "we will", "we'll", "i recommend", "we recommend", "i propose", "we propose",
        "i decided", "we decided", "i led", "we led", "i built", "we built", "i delivered", "we delivered",
        "i achieved", "we achieved", "i'm confident", "i am confident", "i'm sure", "i am sure",
        "i'm certain", "i am certain", "the result was", "the result is", "the results were",
        "my recommendation is", "our recommendation is", "definitely", "certainly", "undoubtedly",
    )
)  # fmt: skip

_BEFORE_KIND_OF = frozenset(
    "a an the this that these those what which some any every each one another no same other".split()
)
_AFTER_JUST = frozenset(
    "a an wanted want wondering wondered thinking thought saying say trying try need think feel checking "
    "check asking ask hoping hope my some quickly curious suggesting suggest".split()
)
_BEFORE_MIGHT_AS_NOUN = frozenset("my your his her its our their all the with".split())


def count_hedges(fluent: Words) -> PhraseUse:
    """Counts hedges in the fluent words: in all, per 100 of these, and by phrase.

    Counted: I think, I guess, I feel like, maybe, perhaps, possibly, probably, might, could be, a bit, a
    little, somewhat, kind of, sort of, just (where it minimizes: `I just wanted`, not `just now`), if that
    makes sense, I'm not sure, to be honest. Not counted: `I think of`, `a kind of tree`, `with all his
    might`, and every phrase that counts as a filler.
    Norm: hedges are a tone signal and no error; advice is due only above 4 in 100 words. Source: Lakoff 1973,
    Journal of Philosophical Logic 2; Hyland 1998, Hedging in Scientific Research Articles.
    Limit: a word list can't tell polite caution from doubt, nor `a little` of degree from one of size.
    """
    counts = Counter(found.phrase for found in _HEDGES.find(fluent) if _softens(fluent, found))
    return _phrase_use(counts, len(fluent))


def count_assertives(fluent: Words) -> PhraseUse:
    """Counts assertives, phrases that commit to a claim or a deed, in the fluent words, as hedges are.

    Such are `I will`, `I recommend`, `we decided`, `the result was`, `definitely`.

    Norm: none; advice is due only together with hedges. Source: the boosters of Hyland 1998, limited to what
    speakers say of their own deeds.
    Limit: a word list can't tell a serious promise from a light one.
    """
    return _phrase_use(Counter(found.phrase for found in _ASSERTIVES.find(fluent)), len(fluent))


def per_hundred(count: int, fluent_words: int) -> float | None:
    """Returns the count per 100 fluent words, to two decimals; None without words.

    Fluent words, because a filler or a repair more must not make anything else seem rarer.
    """
    return round(100 * count / fluent_words, 2) if fluent_words else None


def _is_unbroken(words: Words, start: int, end: int) -> bool:
    """Returns whether nothing but space separates the words of a phrase."""
    return not any(bits & (BREAK | END) for bits in words.after[start : end - 1])


def _phrase_use(counts: Counter[str], fluent_words: int) -> PhraseUse:
    return PhraseUse(
        count=counts.total(),
        per_hundred_words=per_hundred(counts.total(), fluent_words),
        phrases=dict(counts.most_common()),
    )


def _softens(words: Words, hedge: FoundPhrase) -> bool:
    before = words.lower[hedge.start - 1] if hedge.start else ""
    following = words.lower[hedge.end] if hedge.end < len(words) else ""
    match hedge.phrase:
        case "i think":
            return following not in ("of", "about")
        case "i feel like":
            return following not in ("a", "an")
        case "kind of" | "sort of":
            return before not in _BEFORE_KIND_OF
        case "just":
            return following in _AFTER_JUST
        case "might":
            return before not in _BEFORE_MIGHT_AS_NOUN
        case _:
            return True
