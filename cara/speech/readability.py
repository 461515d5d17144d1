"""How easily the words would read."""

from __future__ import annotations

import logging
from collections import Counter

import syllapy  # type: ignore[import-untyped]

from cara.speech.words import Words

# The library logs words that its list doesn't know; transcripts never reach a log.
logging.getLogger("syllapy").setLevel(logging.WARNING)

_LONGEST_WORD = 45


def reading_ease(fluent: Words, sentences: int) -> float | None:
    """Flesch reading ease: 206.835 − 1.015 · words a sentence − 84.6 · syllables a word, fillers left out.

    Norm: 60 to 70 is plain English; higher is easier, and simple talk may pass 100. Source: Flesch 1948,
    Journal of Applied Psychology 32. Made for printed English of 100 words and more: it is unsteady below,
    and depends on how the transcript was cut into sentences.
    """
    if not fluent.small or not sentences:
        return None
    counts = Counter(fluent.small)
    in_all = sum(syllables(word) * count for word, count in counts.items())
    return round(206.835 - 1.015 * len(fluent) / sentences - 84.6 * in_all / len(fluent), 1)


def syllables(word: str) -> int:
    """Syllables of an English word, at least one: by a word list, by vowel groups where it has gaps.

    Figures count one for each digit, words with hyphens as their parts.
    """
    digits = sum(character.isdigit() for character in word)
    parts = (part for part in word.split("-") if part and not part[0].isdigit())
    return max(1, digits + sum(max(1, int(syllapy.count(part[:_LONGEST_WORD]))) for part in parts))
