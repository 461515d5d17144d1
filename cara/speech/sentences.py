"""Sentences: their length, reading ease, the first and the last one."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import syllapy

from cara.speech.text import ITEM
from cara.speech.words import END, Words

# syllapy logs the words that its list doesn't have; transcripts must never reach a log.
logging.getLogger("syllapy").setLevel(logging.WARNING)

_TERMINAL = re.compile(rf"[.!?…؟।॥։۔‽。！？｡។៕။{ITEM}]")
_MIN_WORDS_UNPUNCTUATED = 20
"""Up to here one sentence is not too long for anybody, so that a word more never makes a talk look better."""

_MAX_MEAN_WORDS = 60
_MAX_QUOTED_WORDS = 60
_MAX_QUOTED_CHARACTERS = 600
_MAX_QUOTED_GAP_CHARACTERS = 20
_MAX_SYLLABLE_LETTERS = 45
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class SentenceLengths:
    """Fluent words per sentence."""

    mean: float | None
    longest: int | None


def is_unpunctuated(words: Words, fluent_words: int) -> bool:
    """Returns whether more than 20 fluent words have no terminal punctuation: their sentences are unknown.

    So they are where it is too rare: nobody's sentences have more than 60 words on average. The full stops
    of abbreviations are none; items of a list end as sentences do.
    """
    marks = sum(
        1 for bits, gap in zip(words.after, words.gaps, strict=True) if bits & END and _TERMINAL.search(gap)
    )
    return fluent_words > max(_MIN_WORDS_UNPUNCTUATED, _MAX_MEAN_WORDS * marks)


def sentence_lengths(fluent: Words) -> SentenceLengths:
    """Returns the mean and the maximum length of a sentence, in fluent words.

    Fillers and repairs have measures of their own; sentences of nothing else are left out.
    Norm: 15 to 20 words read easily aloud, over 35 lose listeners. Source: plain-language guidance of GOV.UK
    and plainlanguage.gov.
    Limit: in a machine transcript this measures where the machine put full stops.
    """
    lengths = [end - start for start, end in fluent.sentences]
    if not lengths:
        return SentenceLengths(None, None)
    return SentenceLengths(round(sum(lengths) / len(lengths), 1), max(lengths))


def reading_ease(fluent: Words) -> float | None:
    """Returns Flesch reading ease: 206.835 − 1.015 · words/sentence − 84.6 · syllables/word.

    Of the fluent words; None without words.
    Norm: 60 to 70 is plain English; higher is easier, and simple talk may exceed 100. Source: Flesch 1948,
    Journal of Applied Psychology 32.
    Limit: the formula is made for printed English of 100 words or more; it varies widely below, and depends
    on how the transcript was split into sentences.
    """
    if not fluent.lower:
        return None
    counts = Counter(fluent.lower)
    total = sum(count_syllables(word) * count for word, count in counts.items())
    return round(206.835 - 1.015 * len(fluent) / len(fluent.sentences) - 84.6 * total / len(fluent), 1)


def count_syllables(word: str) -> int:
    """Returns the syllables of an English word, at least one.

    They come from a word list, or from vowel groups if it isn't there. A number has one for each digit, a
    hyphenated word those of its parts.
    """
    digits = sum(map(str.isdigit, word))
    parts = (part for part in word.split("-") if part and not part[0].isdigit())
    return max(1, digits + sum(_syllables_of(part[:_MAX_SYLLABLE_LETTERS]) for part in parts))


@lru_cache(maxsize=4_096)
def _syllables_of(letters: str) -> int:
    return max(1, int(syllapy.count(letters)))


def opening_and_closing(words: Words) -> tuple[str | None, str | None]:
    """Returns the first and the last sentence, at most 60 words of each, as evidence for the judge.

    Whether the first states a purpose and the last asks or concludes can't be counted.
    """
    ranges = words.sentences
    if not ranges:
        return None, None
    first, last = ranges[0], ranges[-1]
    opening = _quoted(words, first[0], min(first[1], first[0] + _MAX_QUOTED_WORDS))
    return opening, _quoted(words, max(last[0], last[1] - _MAX_QUOTED_WORDS), last[1])


def _quoted(words: Words, start: int, end: int) -> str:
    gaps = (_SPACE.sub(" ", words.gaps[index])[:_MAX_QUOTED_GAP_CHARACTERS] for index in range(start, end))
    joined = "".join(raw + gap for raw, gap in zip(words.raw[start:end], gaps, strict=True))
    return _SPACE.sub(" ", joined).strip()[:_MAX_QUOTED_CHARACTERS]
