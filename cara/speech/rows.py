"""Finds the rows of phrases in a talk that may be discourse markers."""

from __future__ import annotations

from collections.abc import Iterator

from cara.speech.marker_phrases import ORDINARY, ORDINARY_LAST, SPELLINGS
from cara.speech.markers import MARKERS
from cara.speech.phrases import FoundPhrase, PhraseList
from cara.speech.surroundings import Row
from cara.speech.words import BREAK, END, Words

_PHRASES = PhraseList([*MARKERS, *SPELLINGS, *ORDINARY, *ORDINARY_LAST])


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
    for found in _PHRASES.find(joined):
        if found.phrase in ORDINARY_LAST:
            if not _is_last(words, found):
                yield from _parts(found)
        elif found.phrase not in ORDINARY:
            yield found


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
