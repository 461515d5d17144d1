"""The fillers of other languages than English: hesitations, and the discourse markers of their lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from operator import or_

from cara.speech.filler_lists import FILLER_LISTS, SPELLINGS, Marker
from cara.speech.hesitations import hesitations_among
from cara.speech.languages import DOTTED_I, without_accents
from cara.speech.phrases import FoundPhrase, PhraseList
from cara.speech.words import ASKED, BREAK, END, SILENCE, Words, drop_words

_MIN_LETTERS_TO_FOLD = 3


@dataclass(frozen=True, slots=True)
class _Place:
    """What is around a phrase of a list, where its neighbors of the list are left out.

    So no filler beside another takes from it what makes it one. `left` and `right` are the bits of all gaps
    from the phrase to the word `before` and to the `following` one, which are empty across a sentence's end.
    `first` and `alone` say that nothing stands before it in its sentence, and nothing else in it at all.
    """

    first: bool
    alone: bool
    opening: bool
    closing: bool
    left: int
    right: int
    before: str
    following: str


def find_foreign_fillers(words: Words, language: str) -> tuple[Counter[str], Words]:
    """Finds the fillers of a language; returns the count of each, and the words that are no fillers.

    Hesitation sounds always count, the phrases of `FILLER_LISTS` only where their `Marker` says so: mostly
    between commas, at the start of a sentence, before a pause, or as its last word, so that the same words
    as verbs, nouns and articles don't (`este libro`, `un tipo de`). In a language without a list the
    hesitation sounds are all. Spellings without accents are the same words. A filler added beside another
    never takes it from the count.
    Norm: none, as the rates of studies are those of hesitation sounds alone and differ by language: Japanese
    has more in 100 words than English (Watanabe et al. 2021, O-COCOSDA).
    Limit: as in English; without punctuation few discourse markers are recognized. In an enumeration
    (`bueno, bonito y barato`) an adjective may count.
    """
    words = _with_plain_i(words)
    hesitations = _hesitations(words, language)
    spoken = drop_words(words, hesitations)
    indexes = [index for index in range(len(words)) if index not in hesitations]
    by_word = Counter(hesitations.values())
    dropped = set(hesitations)
    for name, found in _discourse_markers(spoken, language):
        by_word[name] += 1
        dropped.update(indexes[found.start : found.end])
    return by_word, drop_words(words, dropped)


def _hesitations(words: Words, language: str) -> dict[int, str]:
    """Returns the hesitation sounds by their index; millimeters and `HH:MM` are none."""
    sounds = hesitations_among(set(words.lower), language)
    return {
        index: sounds[word]
        for index, word in enumerate(words.lower)
        if word in sounds and (word != "mm" or _is_sound(words, index))
    }


def _is_sound(words: Words, index: int) -> bool:
    after_number = index > 0 and words.lower[index - 1][-1].isdigit()
    return words.raw[index] != "MM" and not after_number


def _with_plain_i(words: Words) -> Words:
    if not any(DOTTED_I in word for word in words.lower):
        return words
    return replace(words, lower=[word.replace(DOTTED_I, "i") for word in words.lower])


def _discourse_markers(words: Words, language: str) -> Iterator[tuple[str, FoundPhrase]]:
    markers = FILLER_LISTS.get(language, {})
    names, phrases = _phrases(language)
    found = [
        phrase
        for phrase in phrases.find(words)
        if words.after[phrase.end - 1] & (BREAK | END) or not markers[names[phrase.phrase]].detached
    ]
    for phrase, place in zip(found, _places(words, found), strict=True):
        name = names[phrase.phrase]
        if _is_filler(markers[name], place) and (place.opening or not _is_name(words.raw[phrase.start])):
            yield name, phrase


@cache
def _phrases(language: str) -> tuple[dict[str, str], PhraseList]:
    """Returns the phrase of the list for each of its spellings, and the spellings to look for."""
    listed = FILLER_LISTS.get(language, {})
    plain = {without_accents(phrase): phrase for phrase in listed}
    plain = {spelling: phrase for spelling, phrase in plain.items() if len(spelling) >= _MIN_LETTERS_TO_FOLD}
    names = {**plain, **SPELLINGS.get(language, {}), **dict(zip(listed, listed, strict=True))}
    return names, PhraseList(names)


def _places(words: Words, found: Iterable[FoundPhrase]) -> Iterator[_Place]:
    for run in _runs(words, found):
        start, end = run[0].start, run[-1].end
        opening = start == 0 or bool(words.after[start - 1] & END)
        closing = end == len(words) or bool(words.after[end - 1] & END)
        gaps = [words.after[phrase.end - 1] for phrase in run]
        lefts = accumulate(gaps, or_, initial=_bits_before(words, start))
        rights = list(accumulate(reversed(gaps), or_))[::-1]
        before = "" if opening else words.lower[start - 1]
        following = "" if closing else words.lower[end]
        for index, (left, right) in enumerate(zip(lefts, rights, strict=False)):
            first = opening and index == 0
            alone = first and closing and len(run) == 1
            yield _Place(first, alone, opening, closing, left, right, before, following)


def _runs(words: Words, found: Iterable[FoundPhrase]) -> Iterator[list[FoundPhrase]]:
    """Yields the phrases in groups with no other word, and no end of a sentence, between them."""
    run: list[FoundPhrase] = []
    for phrase in found:
        if run and (run[-1].end != phrase.start or words.after[phrase.start - 1] & END):
            yield run
            run = []
        run.append(phrase)
    if run:
        yield run


def _bits_before(words: Words, start: int) -> int:
    """Returns what is before a word; the mark that begins a question sets it off as a comma does."""
    if not start:
        return 0
    return words.after[start - 1] | (BREAK if "¿" in words.gaps[start - 1] else 0)


def _is_name(raw: str) -> bool:
    """Returns whether a word inside a sentence is a name, or a noun of German: `Ben`, `der Halt`."""
    return raw[0].isupper() and not raw.isupper()


def _is_filler(marker: Marker, place: _Place) -> bool:
    after_break = place.opening or bool(place.left & BREAK)
    before_break = bool(place.right & (BREAK | END))
    if _is_excluded(marker, place):
        return False
    if marker.tag:
        return after_break and not place.opening and bool(place.right & ASKED)
    if after_break and before_break:
        return True
    if not after_break and place.before in marker.not_after:
        return False
    if not before_break and place.following in marker.not_before:
        return False
    return (
        marker.anywhere
        or (marker.opens and place.opening and _may_open(marker, place.following))
        or (marker.closes and place.closing)
        or (marker.pauses and bool(place.right & SILENCE))
        or place.before in marker.after
    )


def _may_open(marker: Marker, following: str) -> bool:
    return not marker.only_before or following in marker.only_before


def _is_excluded(marker: Marker, place: _Place) -> bool:
    """Returns whether the place in the sentence alone rules a filler out."""
    return (
        (marker.has_comma and place.following in marker.not_before)
        or (not marker.starts and place.first)
        or (not marker.answers and place.alone)
        or (not marker.asks and bool(place.right & ASKED))
    )
