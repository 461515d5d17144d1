"""The rows of phrases in a talk that may be discourse markers, and the clauses they are in."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterator
from functools import cached_property

from cara.speech.marker_phrases import ORDINARY, ORDINARY_LAST, SPELLINGS
from cara.speech.markers import MARKERS
from cara.speech.phrases import FoundPhrase, PhraseList
from cara.speech.surroundings import Surroundings
from cara.speech.word_classes import (
    ADJECTIVE,
    AUXILIARY,
    BE,
    CONJUNCTION,
    DETERMINER,
    FINISH,
    FINITE,
    MODAL,
    OPEN,
    PERSON,
    PREPOSITION,
    QUESTION_WORD,
    SUBJECT,
    VERB,
    WOULD,
    classes_after,
    classes_before,
)  # fmt: skip
from cara.speech.words import ASKED, BREAK, END, Words

_PHRASES = PhraseList([*MARKERS, *SPELLINGS, *ORDINARY, *ORDINARY_LAST])
_MAX_VERBLESS_WORDS = 5
_MAX_OBJECT_WORDS = 3
_DIRECTIONS = frozenset("left straight up down wrong center centre forward forwards ahead".split())
_SUBJECTS = frozenset({"i", "we", "they", "he", "she"})
_COORDINATING = frozenset({"and", "but", "because"})
_POINTS = frozenset("problem thing point trouble issue reason question difference idea".split())
_SERIES = frozenset({"and", "or", "then"})


class Row(Surroundings):
    """Phrases that follow one another, and what clause or series they are in."""

    @cached_property
    def is_verbless(self) -> bool:
        """Whether the clause behind the row ends soon, and has no verb and no subject that goes on."""
        for offset in range(_MAX_VERBLESS_WORDS):
            classes = classes_after(self._word(offset))
            if self._ends_clause(offset):
                goes_on = self._word(offset) in _SUBJECTS
                return not self.closes and not goes_on and not classes & FINITE
            if classes & (FINITE | PERSON):
                return False
        return False

    def ends_object_of(self, verbs: Container[str]) -> bool:
        """Returns whether one of the verbs comes before, and the row ends its clause: `took it literally`."""
        if not self.following_classes & (FINISH | CONJUNCTION):
            return False
        return any(self._word(-offset) in verbs for offset in range(1, _MAX_OBJECT_WORDS + 2))

    @cached_property
    def is_tag(self) -> bool:
        """Whether it ends a question in the order of a statement: `It's cold right?`."""
        if not self.closes or not self.words.after[self._end - 1] & ASKED or not self.position:
            return False
        start = self._start
        while start and not self.words.after[start - 1] & END:
            start -= 1
        first = bisect_left(self.plain, start, hi=self.position - 1)
        word, later = (self.words.lower[self.plain[at]] for at in (first, min(first + 1, self.position - 1)))
        asked = later if classes_after(word) & CONJUNCTION else word
        return not classes_after(asked) & (BE | AUXILIARY | MODAL | WOULD | QUESTION_WORD)

    @cached_property
    def makes_point(self) -> bool:
        """Whether a clause follows after `and`, or it announces what is said: `the problem is`."""
        if self.closes:
            return False
        announces = self._word(1) in _POINTS and self._word(2) in {"is", "was"}
        return announces or (self.before in _COORDINATING and self._begins_clause)

    @property
    def _begins_clause(self) -> bool:
        """Whether a subject and a verb follow: `it was`, `the weather was`."""
        if self.following_classes & DETERMINER:
            return bool(classes_after(self._word(2)) & (BE | MODAL | WOULD | AUXILIARY))
        return bool(self.following_classes & SUBJECT)

    @cached_property
    def is_direction(self) -> bool:
        """Whether it is one of a series of directions: `left, right, and straight on`."""
        before, earlier = self._item_before
        if self._item_after in _DIRECTIONS:
            return True
        if before not in _DIRECTIONS or classes_before(earlier, "") & (PERSON | FINITE & ~VERB):
            return False  # `we left, right, and ate`
        return bool(self._item_after) or self._begins_item(-1) or self.following in _DIRECTIONS

    @cached_property
    def is_noun(self) -> bool:
        """Whether it is one of a series of nouns: `a pump, well, and garden`."""
        item = self._item_after
        if not item or classes_after(item) != OPEN or self.before_classes != OPEN:
            return False
        if self._begins_item(-1):
            return True
        determined = classes_before(self._word(-2), "") & (DETERMINER | ADJECTIVE)
        begun = self._begins_item(-2) or classes_before(self._word(-3), "") & (FINITE | PREPOSITION)
        return bool(determined and begun)

    @property
    def _item_before(self) -> tuple[str, str]:
        """The item before in a series, and the word before that: `go left` of `go left, then`."""
        last = -2 if self.before in _SERIES else -1
        return self._word(last), self._word(last - 1)

    @property
    def _item_after(self) -> str:
        """The next item of a series, where the row is an item: `and garden`, `pump, and`."""
        first, second = self.following, self._word(1)
        if first in _SERIES:
            return second
        adjacent = second in _SERIES and self.plain[self.position + 1] - self.plain[self.position] == 1
        return first if adjacent and self._bits(0) & BREAK else ""

    def _begins_item(self, offset: int) -> bool:
        """Returns whether the word at the offset is the first of its clause."""
        return not self._word(offset - 1) or bool(self._bits(offset - 1) & BREAK)

    def _ends_clause(self, offset: int) -> bool:
        """Returns whether punctuation follows the word at the offset; commas around fillers are none."""
        here = self.position + offset
        if here + 1 >= len(self.plain) or self._bits(offset) & END:
            return True
        adjacent = self.plain[here + 1] - self.plain[here] == 1
        return adjacent and bool(self.joined.after[self.plain[here]] & BREAK)


def find_rows(words: Words, joined: Words) -> list[Row]:
    """Returns the rows of phrases, each within a sentence, from left to right.

    `joined` are the same words with the commas around what was taken out gone: `you, um, know` is a phrase.
    """
    plain: list[int] = []
    rows: list[Row] = []
    free_from = 0
    for found in _phrases(words, joined):
        plain.extend(range(free_from, found.start))
        phrase = FoundPhrase(SPELLINGS.get(found.phrase, found.phrase), found.start, found.end)
        if not rows or found.start > free_from or words.after[found.start - 1] & END:
            rows.append(Row(words, joined, plain, len(plain), [phrase]))
        else:
            rows[-1].phrases.append(phrase)
        free_from = found.end
    plain.extend(range(free_from, len(words)))
    return rows


def _phrases(words: Words, joined: Words) -> Iterator[FoundPhrase]:
    """Yields the phrases that may be markers."""
    last_end = -1
    for found in _PHRASES.find(joined):
        if found.phrase in ORDINARY_LAST:
            if found.start == last_end or not _is_last(words, found):
                yield from _parts(found)
        elif found.phrase not in ORDINARY:
            yield found
        last_end = found.end


def _is_last(words: Words, found: FoundPhrase) -> bool:
    """Returns whether a sentence ends with the phrase, and no comma is in it."""
    *inside, last = words.after[found.start : found.end]
    return bool(last & END) and not any(bits & BREAK for bits in inside)


def _parts(found: FoundPhrase) -> Iterator[FoundPhrase]:
    start = found.start
    for phrase in ORDINARY_LAST[found.phrase]:
        end = start + len(phrase.split())
        yield FoundPhrase(phrase, start, end)
        start = end
