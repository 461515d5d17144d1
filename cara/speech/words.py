"""Words, and what follows each of them: the one tokenization that all measures share.

Which runs of characters are words is told in `word_patterns`; in scripts without spaces the dictionaries of
ICU tell words apart. What the gaps between them mean, and where sentences end, is told in `gaps`; hesitation
sounds never decide that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from cara.speech.gaps import ASKED, BREAK, CUT, DASH, END, LAST, SILENCE, GapBits, resolve_sentence_ends
from cara.speech.hesitations import hesitations_among
from cara.speech.segmenter import WORD_END, with_word_ends
from cara.speech.word_patterns import WORD_AND_GAP

__all__ = [
    "ASKED", "BREAK", "CUT", "DASH", "END", "SILENCE", "Words", "drop_words", "list_words", "tokenize",
]  # fmt: skip


@dataclass(frozen=True)
class Words:
    """The words of a text, and what follows each of them.

    `raw` has the words as written, `lower` in lower case, `after` the bits and `gaps` the text between each
    word and the next. `places` are their indexes among all words of the text, where some were dropped.
    """

    raw: list[str]
    lower: list[str]
    after: list[int]
    gaps: list[str]
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.lower)

    def sentence_ends(self, start: int, end: int) -> bool:
        """Returns whether a sentence ends after one of the words in [start, end)."""
        return any(map(END.__and__, self.after[start:end]))

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The range [start, end) of each sentence.

        Terminal punctuation ends a sentence; a turn without any is one sentence.
        """
        ends = [index + 1 for index, bits in enumerate(self.after) if bits & END]
        if self.lower and (not ends or ends[-1] != len(self)):
            ends.append(len(self))
        return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []


def tokenize(text: str) -> Words:
    """Returns all words of the text, in linear time.

    A full stop before a lower-case word ends no sentence (`3 p.m. today`), unless the text has no capitals.
    An ellipsis ends a sentence only when the next word, hesitations left out, is capitalized.
    """
    pairs = WORD_AND_GAP.findall(with_word_ends(text) + "\n")
    raw = [word for word, _ in pairs]
    gaps = [gap.replace(WORD_END, "") for _, gap in pairs]
    lower = [word.lower() for word in raw]
    bits = GapBits({" ": 0})
    words = Words(raw, lower, [bits[gap] for gap in gaps], gaps, range(len(raw)))
    if raw:
        words.after[-1] |= LAST
        resolve_sentence_ends(words, hesitations_among(set(lower)))
    return words


def list_words(text: str) -> list[str]:
    """Returns the words of the text in lower case."""
    return [word.lower() for word, _ in WORD_AND_GAP.findall(with_word_ends(text))]


def drop_words(words: Words, dropped: Collection[int]) -> Words:
    """Returns the words without those at the dropped indexes.

    What followed one of these now follows the word before it.
    """
    if not dropped:
        return words
    kept = [True] * len(words)
    after = words.after.copy()
    anchor, previous = -1, -1
    for index in sorted(dropped):
        anchor = anchor if index == previous + 1 else index - 1
        previous = index
        kept[index] = False
        if anchor >= 0:
            after[anchor] |= after[index] & ~(CUT | DASH)
    return Words(
        raw=list(compress(words.raw, kept)),
        lower=list(compress(words.lower, kept)),
        after=list(compress(after, kept)),
        gaps=list(compress(words.gaps, kept)),
        places=list(compress(words.places, kept)),
    )
