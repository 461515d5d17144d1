"""What stands around the phrases of fillers in a talk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import or_

from cara.speech.marker_phrases import SET_PAIRS
from cara.speech.phrases import FoundPhrase
from cara.speech.text import TURN
from cara.speech.word_classes import (
    FINISH,
    START,
    classes_after,
    classes_before,
)  # fmt: skip
from cara.speech.words import BREAK, CUT, END, SILENCE, Words

_MAX_COPIED_WORDS = 4
_INTERJECTIONS = frozenset("oh yes yep yup nope hey hi hello wow".split())


@dataclass(frozen=True, slots=True)
class Place:
    """A phrase in its row, with the punctuation between it and the words around the row.

    `said_before` and `said_again`: the same phrase comes before or after it in the row; `after_so`: a `so`
    comes before.
    """

    found: FoundPhrase
    break_before: bool
    break_after: bool
    silence_after: bool
    said_before: bool
    said_again: bool
    after_so: bool


@dataclass(frozen=True)
class Surroundings:
    """Phrases of the list that follow one another in a sentence, marker or not.

    All of them see the same words around, so that one more in the row never takes away from another. `joined`
    are the words without the commas around hesitations. `plain`
    are the indexes of the words of the talk that are in no phrase; the row stands before that at `position`.
    """

    words: Words
    joined: Words
    plain: list[int]
    position: int
    phrases: list[FoundPhrase]

    def places(self) -> Iterator[Place]:
        """Yields each phrase with what is between it and the words around."""
        bits = [self._bits_before, *(self.words.after[found.end - 1] for found in self.phrases)]
        before = accumulate(bits[:-1], or_)
        after = reversed(list(accumulate(reversed(bits[1:]), or_)))
        left = Counter(found.phrase for found in self.phrases)
        said: set[str] = set()
        for found, bits_before, bits_after in zip(self.phrases, before, after, strict=True):
            left[found.phrase] -= 1
            yield Place(
                found,
                break_before=bool(bits_before & BREAK),
                break_after=bool(bits_after & (BREAK | END)),
                silence_after=bool(bits_after & SILENCE),
                said_before=found.phrase in said,
                said_again=left[found.phrase] > 0,
                after_so="so" in said,
            )
            said.add(found.phrase)

    @cached_property
    def opens(self) -> bool:
        """Whether its sentence begins with the row, or with an interjection before it: `oh well`."""
        return self._begins_at(0) or (self._is_interjection and self._begins_at(-1))

    @cached_property
    def closes(self) -> bool:
        """Whether its sentence ends with the row."""
        return self.position == len(self.plain) or bool(self.words.after[self._end - 1] & END)

    @property
    def is_answer(self) -> bool:
        """Whether the row is the whole first sentence of a turn."""
        if not (self.opens and self.closes):
            return False
        first = self._start if self._begins_at(0) else self.plain[self.position - 1]
        return not first or TURN in self.words.gaps[first - 1]

    @cached_property
    def before(self) -> str:
        """The word before the row, "" where the sentence begins."""
        return self._word(-1)

    @cached_property
    def following(self) -> str:
        """The word after the row, "" where the sentence ends."""
        return self._word(0)

    @cached_property
    def before_classes(self) -> int:
        """The classes of the word before, or `START`."""
        return START if self.opens else classes_before(self.before, self._word(-2))

    @cached_property
    def following_classes(self) -> int:
        """The classes of the word after, or `FINISH`."""
        if self.closes:
            return FINISH
        return classes_after(self.following, "" if self._bits(0) & END else self._word(1))

    @cached_property
    def is_resumed(self) -> bool:
        """Whether the words around the row are said twice, or the word before it is broken off."""
        if self.opens or self.closes:
            return False
        return bool(self._bits_before & CUT) or self._is_in_copies()

    @property
    def splits_phrase(self) -> bool:
        """Whether the row stands inside a phrase: `you like know`, but not `as you well know`."""
        return (
            (self.before, self.following) in SET_PAIRS
            and not self.opens
            and not self.closes
            and self._word(-2) != "as"
        )

    @property
    def _start(self) -> int:
        return self.phrases[0].start

    @property
    def _end(self) -> int:
        return self.phrases[-1].end

    @property
    def _bits_before(self) -> int:
        return self.words.after[self._start - 1] if self._start else END

    def _begins_at(self, offset: int) -> bool:
        """Returns whether a sentence begins at the row, or at the word before it for an offset of -1."""
        if not offset:
            return bool(self._bits_before & END)
        index = self.plain[self.position - 1]
        return not index or bool((self.words.after[index - 1] | self._bits(-2)) & END)

    @property
    def _is_interjection(self) -> bool:
        return self.position > 0 and self.words.lower[self.plain[self.position - 1]] in _INTERJECTIONS

    def _word(self, offset: int) -> str:
        """Returns the plain word at the offset from the row (0 follows it), or "" beyond the sentence."""
        index = self.position + offset
        if not 0 <= index < len(self.plain) or (self.opens if offset < 0 else self.closes):
            return ""
        if any(self._bits(earlier) & END for earlier in range(offset, -1)):
            return ""
        return self.words.lower[self.plain[index]]

    def _bits(self, offset: int) -> int:
        index = self.position + offset
        return self.words.after[self.plain[index]] if 0 <= index < len(self.plain) else END

    def _is_in_copies(self) -> bool:
        """Returns whether words around the row are said twice: `I want like to I want to`."""
        first = max(0, self.position - 2 * _MAX_COPIED_WORDS + 1)
        around = self.plain[first : self.position + 2 * _MAX_COPIED_WORDS - 1]
        lower = [self.words.lower[index] for index in around]
        if len(set(lower)) == len(lower):
            return False
        return any(
            lower[start : start + length] == lower[start + length : start + 2 * length]
            and not self._is_copied(around, start, length)
            for length in range(1, _MAX_COPIED_WORDS + 1)
            for start in range(
                max(0, self.position - first - 2 * length + 1),
                min(self.position - first, len(around) - 2 * length + 1),
            )
        )

    def _is_copied(self, around: list[int], start: int, length: int) -> bool:
        """Returns whether the row is said twice with the words, or a sentence ends between these."""
        one, other, last = around[start], around[start + length], around[start + 2 * length - 1]
        lower = self.words.lower
        return self.words.sentence_ends(one, last) or (
            other - one >= length + self._end - self._start
            and lower[one:other] == lower[other : other + (other - one)]
        )
