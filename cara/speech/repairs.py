"""Repairs: what a speaker says again, or breaks off and begins anew."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import compress, count

from cara.speech.closed_classes import AUXILIARIES, CONJUNCTIONS, DETERMINERS, PREPOSITIONS, UNFINISHED
from cara.speech.function_words import function_words
from cara.speech.languages import ENGLISH
from cara.speech.repetitions import find_repetitions
from cara.speech.stutters import mend_stutters, separate_stutters
from cara.speech.words import CUT, DASH, END, SILENCE, Words, drop_words

_AFTER_PREFIX = frozenset({"and", "or", "to"})  # `pre- and post-war`
_MAX_PREFIXES = 4
_DOUBLING_LANGUAGES = frozenset({"hi", "hi-Latn", "tr", "und-Deva"})  # `yavaş yavaş` is grammar
_MAX_REPEATED_WORDS = 8
_RESTART_WORDS = 6
_RESTART_WORDS_OF_FINISHED = 3
# Behind these a clause may follow that begins as the one before: `I saw it, but... I left`.
_BEFORE_CLAUSES = CONJUNCTIONS | frozenset(
    "so than as since until till unless though whether whereas once where why how what before after".split()
)
# The object that `the` and the like begin fulfils what these promise: `The problem is... the price`.
_BEFORE_OBJECTS = PREPOSITIONS | AUXILIARIES | {"just"}
_LAST_OF_CLAUSE = frozenset(
    "it him her them me us you this that these those one too so there here now then again".split()
)
_AFFIRMATIONS = frozenset("really truly do does did".split())  # `I love it— I really do`
_DASH = re.compile(r"--|[–—―-]")
# A pause mark is none: who pauses need not begin anew.
_BREAKING = re.compile(r"…|\.\.|--|[–—―-]")
# A dash of punctuation has space on both sides or on none.
_CUTTING_DASH = re.compile(r"(?:--|[–—―])\s")


@dataclass(frozen=True, slots=True)
class Repairs:
    """Counts of repetitions and false starts."""

    repetitions: int
    false_starts: int

    @property
    def count(self) -> int:
        """Repetitions and false starts together."""
        return self.repetitions + self.false_starts


def find_repairs(unfilled: Words, language: str = ENGLISH) -> tuple[Repairs, Words]:
    """Finds the repairs in the words without fillers; returns their counts, and the words that are fluent.

    A repetition is a stutter (`I-I`, `th- the`: see `mend_stutters`) or a run of up to eight words that is
    said again at once (`I want to, I want to`: see `find_repetitions`); said three times, it counts twice.
    A false start is speech that is broken off and begins anew. It is shown by a hyphen at a fragment (`I wan-
    I need`), by a dash between a run of words and its repetition (`I met the -- I met the auditor`), or by a
    dash or an ellipsis after which one of the last six words follows again, if the last one is a fragment of
    what then comes (`the pro— the project`) or promises another word, but not this one (`I was... I went`,
    unlike `The plan is... the plan we had`); where a dash is joined to the last word alone, it is enough that
    it ends no clause (`I met— I saw`, unlike `I love it— I left`). No repetition is counted as a false start,
    too. Any other dash is punctuation (`the auditor — and we agreed`), and so is every mark behind a
    conjunction (`I saw it, but... I left`).
    The fluent words are those without fragments, without each copy of a run but the last, and without what a
    false start takes back: the words from the one on that follows again.
    Unit: counts. Norm: about 6 disfluencies in 100 words of spontaneous speech, of which repetitions and
    restarts are about half (Bortfeld et al. 2001). Source of the classes: Shriberg 1994, Preliminaries to a
    Theory of Speech Disfluencies.
    Limit: edited transcripts show none, and without a mark a restart in other words is not seen. What is
    repeated on purpose is known of English, and of other languages in a few words; where they double words by
    grammar, as Hindi and Turkish do, only runs of two words or more count.
    """
    stutters, words = mend_stutters(unfilled)
    known = function_words(language)
    shortest = 2 if language in _DOUBLING_LANGUAGES else 1
    # Doubled words go first, since `we the the plan` is a copy of `we the plan`.
    doubled = separate_stutters(words) | find_repetitions(words, range(shortest, 2), known).keys()
    words = _without(words, doubled)
    repeated = find_repetitions(words, range(shortest, _MAX_REPEATED_WORDS + 1), known)
    restarted = {index for index in repeated if _has_dash(words, index)}
    begins = {index: index + 1 - length for index, length in repeated.items()}
    begins |= {
        index: _begin_of_false_start(words, index)
        for index in compress(count(), map((CUT | SILENCE).__and__, words.after[:-1]))
        if index not in repeated and _is_false_start(words, index)
    }
    repairs = Repairs(
        repetitions=stutters + len(doubled) + len(repeated) - len(restarted),
        false_starts=len(begins) - len(repeated) + len(restarted),
    )
    return repairs, _without(words, {word for last in begins for word in range(begins[last], last + 1)})


def _without(words: Words, in_vain: set[int]) -> Words:
    """Returns the words that are left; what broke the others off breaks nothing any more."""
    if not in_vain:
        return words
    after = words.after.copy()
    for index in in_vain:
        after[index] = 0
    return drop_words(replace(words, after=after), in_vain)


def _has_dash(words: Words, index: int) -> bool:
    return bool(_DASH.search(words.gaps[index]))


def _is_false_start(words: Words, index: int) -> bool:
    bits = words.after[index]
    if bits & END or words.lower[index] in _BEFORE_CLAUSES:
        return False
    if bits & CUT:
        return _is_broken_off(words, index)
    if not _BREAKING.search(words.gaps[index]):
        return False
    begin = _begin_of_false_start(words, index)
    last, following = words.lower[index : index + 2]
    cut_off = bits & DASH and _CUTTING_DASH.match(words.gaps[index])
    if begin == index:
        return bool(cut_off) and following != last and following.startswith(_uncontracted(last))
    if last in UNFINISHED:
        return last not in _BEFORE_OBJECTS or following not in DETERMINERS
    return bool(cut_off and _is_unfinished_clause(words, begin, index)) or _is_completed(words, begin, index)


def _is_unfinished_clause(words: Words, begin: int, index: int) -> bool:
    """Returns whether a clause of two or three words lacks something, and is not affirmed by what follows."""
    lower, length = words.lower, index - begin
    if length >= _RESTART_WORDS_OF_FINISHED or lower[index] in _LAST_OF_CLAUSE:
        return False
    if not _AFFIRMATIONS.isdisjoint(lower[index + 2 : index + 3]):
        return False
    before = lower[index - 1]
    return length == 1 or lower[begin] in DETERMINERS or before in UNFINISHED or before.endswith("ly")


def _is_broken_off(words: Words, index: int) -> bool:
    """Returns whether a hyphen ends a fragment; it may also end a number, a grade (`A-`) or a prefix."""
    raw = words.raw[index]
    if raw.isdigit() or (len(raw) == 1 and raw.isupper() and raw != "I"):
        return False
    return not any(
        words.after[prefix] & CUT and words.lower[prefix + 1] in _AFTER_PREFIX
        for prefix in range(index, min(index + _MAX_PREFIXES, len(words) - 1))
    )


def _is_completed(words: Words, begin: int, index: int) -> bool:
    """Returns whether the words from the begin on follow again, and then one that the last one begins."""
    length, lower = index - begin, words.lower
    again = index + 1
    completed = lower[again + length : again + length + 1]
    return lower[begin:index] == lower[again : again + length] and any(
        word.startswith(lower[index]) and word != lower[index] for word in completed
    )


def _begin_of_false_start(words: Words, index: int) -> int:
    """Returns the index of the word that follows again after the one at the index; else this index."""
    new = _uncontracted(words.lower[index + 1])
    for begin in range(index - 1, max(-1, index - _RESTART_WORDS), -1):
        if words.after[begin] & END:
            break
        if _uncontracted(words.lower[begin]) == new:
            return begin
    return index


def _uncontracted(word: str) -> str:
    """Returns the word without `'s`, `'m` and the like: who breaks off `it's` may go on with `it was`."""
    return word.partition("'")[0]
