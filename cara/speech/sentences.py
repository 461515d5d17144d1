"""Sentences: their length, reading ease, the questions among them, the first and the last one."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import syllapy

from cara.speech.text import ITEM
from cara.speech.words import ASKED, BREAK, END, Words

# syllapy logs the words that its list doesn't have; transcripts must never reach a log.
logging.getLogger("syllapy").setLevel(logging.WARNING)

_TERMINAL = re.compile(rf"[.!?…؟।॥։۔‽。！？｡។៕။{ITEM}]")
_MIN_WORDS_UNPUNCTUATED = 60
_MAX_QUOTED_WORDS = 60
_MAX_QUOTED_CHARACTERS = 600
_MAX_QUOTED_GAP_CHARACTERS = 20
_MAX_SYLLABLE_LETTERS = 45
_SPACE = re.compile(r"\s+")

_PERSONS = "i you we they".split()
_SUBJECTS = [*_PERSONS, *"he she it there this that".split()]
_INVERTED_VERBS = (
    "does did can could will would is are was has may am isn't aren't wasn't doesn't didn't can't couldn't "
    "won't wouldn't shouldn't hasn't"
).split()
_VERBS_BEFORE_PERSONS = "do have don't haven't".split()  # `Do it` and `Have it ready` are orders
_QUESTION_WORDS = "what why how who where when".split()
_QUESTION_VERBS = "is are was were do does did can could will would should has have".split()
_INVERTED = {(verb, subject) for verb in _INVERTED_VERBS for subject in _SUBJECTS} | {
    (verb, person) for verb in _VERBS_BEFORE_PERSONS for person in _PERSONS
}
_OPENINGS = (
    _INVERTED
    | {(word, verb) for word in _QUESTION_WORDS for verb in _QUESTION_VERBS}
    | {(verb, person) for verb in ("should", "shall") for person in ("i", "we")}
    | {("how", "about"), ("what", "about"), ("why", "not")}
)
# These also begin a condition, which has a comma: `Should you need help, call`.
_CONDITIONS = {("should", subject) for subject in _SUBJECTS} | {("were", person) for person in _PERSONS}
_OPENING_WORDS = frozenset({"what's", "who's", "where's", "how's", "why's"})
# The most words between question word and verb: `What time is it`, `How many of them do you have`.
_WORDS_BEFORE_VERB = {"which": 3, "what": 1, "whose": 2, "how": 3}
_AFTER_HOW = frozenset("many much often long far old soon big well good fast".split())


@dataclass(frozen=True, slots=True)
class SentenceLengths:
    """Fluent words per sentence."""

    mean: float | None
    longest: int | None


def is_unpunctuated(words: Words) -> bool:
    """Returns whether more than 60 words have no terminal punctuation: their sentences are unknown.

    The full stops of abbreviations are none; items of a list end as sentences do.
    """
    return len(words) > _MIN_WORDS_UNPUNCTUATED and not any(
        bits & END and _TERMINAL.search(gap) for bits, gap in zip(words.after, words.gaps, strict=True)
    )


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


def count_questions(words: Words, fluent: Words, *, english: bool) -> int:
    """Counts sentences that end in a question mark or, in English, begin as a question.

    A question begins with a verb and a subject (`Could you`, `Don't you`), with a question word and a verb
    (`What is`), or with a question word, its noun, verb and subject (`What time is it`). Orders (`Do it now`)
    and conditions (`Should you need help, call`) don't count.
    Norm: none. Limit: a statement that begins like a question (`What is true is that …`) counts too.
    """
    marked = sum(1 for bits in words.after if bits & ASKED)
    ranges = fluent.sentences if english else []
    return marked + sum(
        1
        for start, end in ranges
        if _begins_as_question(fluent, start, end) and not any(map(ASKED.__and__, fluent.after[start:end]))
    )


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
    digits = sum(character.isdigit() for character in word)
    parts = (part for part in word.split("-") if part and not part[0].isdigit())
    return max(1, digits + sum(max(1, int(syllapy.count(part[:_MAX_SYLLABLE_LETTERS]))) for part in parts))


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


def _begins_as_question(words: Words, start: int, end: int) -> bool:
    first, *rest = words.lower[start : min(end, start + 6)]
    if first in _OPENING_WORDS:
        return True
    if not rest:
        return False
    opening = (first, rest[0])
    if opening in _CONDITIONS and opening not in _OPENINGS:
        return not any(bits & BREAK for bits in words.after[start:end])
    return opening in _OPENINGS or _has_verb_after_noun(first, rest)


def _has_verb_after_noun(first: str, rest: list[str]) -> bool:
    """Returns whether verb and subject follow the noun of a question word: `Which one do you want`."""
    if (
        first not in _WORDS_BEFORE_VERB
        or rest[0] in _SUBJECTS
        or (first == "how" and rest[0] not in _AFTER_HOW)
    ):
        return False
    pairs = list(pairwise(rest))[1 : 1 + _WORDS_BEFORE_VERB[first]]
    return any(pair in _INVERTED and pair[1] not in ("this", "that") for pair in pairs)
