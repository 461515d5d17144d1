"""Repetitions: words that are said again at once, apart from those that are repeated on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress, count, pairwise
from operator import eq

from cara.speech.closed_classes import (
    AUXILIARIES,
    CONJUNCTIONS,
    CONNECTIVES,
    DETERMINERS,
    EMPHATIC,
    EMPHATIC_PHRASES,
    GRAMMATICAL_DOUBLES,
    NUMBERS,
    PARTICLES,
    UNFINISHED,
)
from cara.speech.words import BREAK, END, SILENCE, Words

_WORDS_OF_QUESTION = 5
_MAY_BE_REPEATED = EMPHATIC | NUMBERS
_SUBORDINATORS = frozenset("when whenever if as once where".split())
_FREE_RELATIVES = frozenset("what whatever which whichever who whoever wherever however how".split())
_QUESTION_WORDS = _FREE_RELATIVES | frozenset("where when why all".split())
_RELATIVES = frozenset("who whom whose which that where".split())
_NAMES = frozenset({"may", "will"})
_BEFORE_NOUNS = DETERMINERS | frozenset("this that these those".split())


def find_repetitions(words: Words, lengths: range, function_words: frozenset[str]) -> dict[int, int]:
    """Returns the index of the last word of each run of words that is then said again, and its length.

    A run has one of the lengths, in words, and is said again within its sentence, commas and dashes aside;
    three copies are two repetitions. Function words (`the`, `I`, `to`) always count, alone or at the end of a
    run. Not counted are emphasis (`very very`, `no, no`), grammar (`had had`, `看看`), digits, names (`Duran
    Duran`), `more and more and more`, `waited and waited and left`, what one clause takes up from another (`I
    read the plan, the plan is good`, `When it rains, it rains`, `the one, the one who left`), a content word
    that is set off by a comma or said three times (`location, location, location`), and a complete phrase
    that is both, or all of a sentence (`We won, we won!`).
    """
    found: dict[int, int] = {}
    free_from = 0
    purpose = _Purpose(words, function_words)
    shortest = _shortest_runs(words.lower, lengths)
    for index in sorted(shortest):
        if index < free_from or words.after[index] & END:
            continue
        on_purpose = 0
        for length in _repeated_lengths(words, index, range(shortest[index], lengths.stop)):
            if not purpose.has(index, length):
                found[index + length - 1] = length
                free_from = index + length
                break
            on_purpose = on_purpose or length
        else:
            free_from = _last_copy(words.lower, index, on_purpose) if on_purpose else free_from
    return found


def _shortest_runs(lower: list[str], lengths: range) -> dict[int, int]:
    """Returns where a word, or at least a pair, is said again at once, and after how few words."""
    found: dict[int, int] = {}
    if lengths.stop > 2:
        said_at: dict[tuple[str, str], int] = {}
        for index, pair in enumerate(pairwise(lower)):
            before = said_at.get(pair, -lengths.stop)
            if index - before in lengths:
                found[before] = index - before
            said_at[pair] = index
    if lengths.start == 1:
        found.update(dict.fromkeys(compress(count(), map(eq, lower, lower[1:])), 1))
    return found


def _repeated_lengths(words: Words, index: int, lengths: range) -> Iterator[int]:
    """Yields how many words from the index on are said again at once in their sentence."""
    lower = words.lower
    for length in lengths:
        if words.sentence_ends(index, index + 2 * length - 1):
            return
        if lower[index : index + length] == lower[index + length : index + 2 * length]:
            yield length


def _last_copy(lower: list[str], index: int, length: int) -> int:
    """Returns the index of the last of the runs that are the same and follow one another."""
    run = lower[index : index + length]
    while lower[index + length : index + 2 * length] == run:
        index += length
    return index


@dataclass(frozen=True, slots=True)
class _Purpose:
    """Tells runs that are said again on purpose from those that are repaired."""

    words: Words
    function_words: frozenset[str]

    def has(self, index: int, length: int) -> bool:
        """Returns whether the run of the length from the index on is said again on purpose."""
        run = self.words.lower[index : index + length]
        if length == 1:
            return self._is_doubled(index, run[0])
        return (
            len(set(run)) == 1
            or all(map(self._may_be_repeated, run))
            or " ".join(run) in EMPHATIC_PHRASES
            or self._are_names(index, length)
            or self._is_connected(index, run)
            or self._is_taken_up(index, length)
            or self._is_same_clause(index, run)
            or self._is_specified(index, run)
            or self._is_chant(index, length)
        )

    def _is_doubled(self, index: int, word: str) -> bool:
        """Returns whether one word is said twice for effect, by grammar, or as what it names."""
        words = self.words
        tripled = words.lower[index + 2 : index + 3] == [word]
        if word == "is" or (word in AUXILIARIES and self._has_comma(index)):  # `what it is is a risk`
            return self._asks_before(index)
        if word in GRAMMATICAL_DOUBLES:
            return not (tripled or words.after[index] & BREAK)
        if word in self.function_words:
            return self._is_name(index, word) or self._are_initials(index)
        if self._may_be_repeated(word) or self._are_names(index, 1):
            return True
        return bool(words.after[index] & BREAK) or tripled or self._is_taken_up(index, 1)

    def _asks_before(self, index: int) -> bool:
        """Returns whether a question word stands shortly before in the sentence."""
        nearby = range(max(0, index - _WORDS_OF_QUESTION), index)
        asking = (each for each in nearby if self.words.lower[each] in _QUESTION_WORDS)
        return any(not self.words.sentence_ends(each, index) for each in asking)

    def _is_taken_up(self, index: int, length: int) -> bool:
        """Returns whether the words end one clause and begin another: `I read the plan, the plan is good`."""
        lower, again = self.words.lower, index + length
        if self._opens_sentence(index) or lower[again - 1] in self.function_words:
            return False
        if AUXILIARIES.isdisjoint(lower[again + length : again + length + 1]):
            return False
        if length == 1:
            return lower[index - 1] not in UNFINISHED
        return lower[index] in DETERMINERS and lower[index - 1] not in CONJUNCTIONS

    def _is_same_clause(self, index: int, run: list[str]) -> bool:
        """Returns whether a comma ends a clause, and its words the next one: `When it rains, it rains`."""
        if self._opens_sentence(index) or not self._has_comma(index + len(run) - 1):
            return False
        introduced_by = self.words.lower[index - 1]
        if introduced_by not in _SUBORDINATORS | _FREE_RELATIVES:
            return False
        if run[-1] in AUXILIARIES:  # `If you can, you can`, but hardly `When I was, I was late`
            ends = self.words.after[index + 2 * len(run) - 1] & (BREAK | END)
            return introduced_by in _FREE_RELATIVES or bool(ends)
        return run[-1] not in UNFINISHED

    def _is_specified(self, index: int, run: list[str]) -> bool:
        """Returns whether a comma ends a noun that the next clause tells more of: `the one, the one who`."""
        following = self.words.lower[index + 2 * len(run) : index + 2 * len(run) + 1]
        return (
            run[0] in _BEFORE_NOUNS
            and run[-1] not in self.function_words
            and self._has_comma(index + len(run) - 1)
            and not _RELATIVES.isdisjoint(following)
        )

    def _has_comma(self, index: int) -> bool:
        return self.words.after[index] & (BREAK | SILENCE) == BREAK

    def _may_be_repeated(self, word: str) -> bool:
        """A syllable of Chinese and its neighbors is doubled by grammar; digits and letters are read out."""
        if word in _MAY_BE_REPEATED or word.isdigit():
            return True
        if len(word) == 1:
            return word not in self.function_words
        return word.endswith("ly")

    def _are_names(self, index: int, length: int) -> bool:
        """Returns whether both copies have capitals where others wouldn't: `New York, New York`."""
        if self.function_words.issuperset(self.words.lower[index : index + length]):
            return False
        raw = self.words.raw[index : index + 2 * length]
        return all(word[0].isupper() and not word.isupper() for word in raw)

    def _is_name(self, index: int, word: str) -> bool:
        """Returns whether the first of both is a name that is also a verb: `In May may ...`."""
        first, second = self.words.raw[index : index + 2]
        return word in _NAMES and first.istitle() and second.islower()

    def _are_initials(self, index: int) -> bool:
        """Returns whether a letter has capitals where a word wouldn't: `A A Milne`."""
        raw = self.words.raw
        if raw[index] == "I" or len(raw[index]) > 1 or not (raw[index] + raw[index + 1]).isupper():
            return False
        return not all(map(str.isupper, [*raw[max(0, index - 1) : index], *raw[index + 2 : index + 3]]))

    def _is_connected(self, index: int, run: list[str]) -> bool:
        """Tells `day by day by day`, `and more and more` and `the best of the best of the best`."""
        lower = self.words.lower
        beyond = index + 2 * len(run)
        before, after = lower[max(0, index - 1) : index], lower[beyond : beyond + len(run) - 1]
        match run:
            case [first, "and" as second] if not self.words.after[index + 1] & BREAK:
                return self._is_grown(first, second, [first])
            case [first, second]:
                return self._is_grown(first, second, after) or self._is_grown(second, first, before)
            case [first, second, third]:
                return first in DETERMINERS and after == run[:2] and self._is_grown(second, third, [second])
        return False

    def _is_grown(self, word: str, connective: str, beyond: list[str]) -> bool:
        """Returns whether a word is said again with a connective on purpose, as if said a third time."""
        if connective not in CONNECTIVES or word in self.function_words - PARTICLES:
            return False
        return self._may_be_repeated(word) or word.endswith("er") or beyond == [word]

    def _is_chant(self, index: int, length: int) -> bool:
        """Returns whether a complete phrase between commas is said three times, or is all of its sentence."""
        words = self.words
        run, third = words.lower[index : index + length], index + 2 * length
        if run[-1] in self.function_words:
            return False
        copies = 3 if words.lower[third : third + length] == run else 2
        ends = [words.after[index + copy * length - 1] for copy in range(1, copies + 1)]
        if not all(bits & (BREAK | END) for bits in ends):
            return False
        return copies > 2 or bool(self._opens_sentence(index) and ends[-1] & END)

    def _opens_sentence(self, index: int) -> bool:
        return index == 0 or bool(self.words.after[index - 1] & END)
