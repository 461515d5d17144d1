"""What sentences tell: their length, the questions among them, the first and the last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from cara.speech.words import ASKED, BREAK, Words

_TERMINAL = re.compile(r"[.!?…。！？؟।](?:[\s'\")\]»”]|$)")
_LONG_WITHOUT_STOP = 60
_QUOTED_WORDS = 60
_QUOTED_CHARACTERS = 600
_QUOTED_GAP = 20
_SPACE = re.compile(r"\s+")

_PERSONS = "i you we they".split()
_ASKED = [*_PERSONS, *"he she it there this that".split()]
_ASKING_VERBS = (
    "does did can could will would is are was has may am isn't aren't wasn't doesn't didn't can't couldn't "
    "won't wouldn't shouldn't hasn't"
).split()
_ASKING_OF_PERSONS = "do have don't haven't".split()  # `Do it`, `Have it ready` are orders
_QUESTION_WORDS = "what why how who where when".split()
_QUESTION_VERBS = "is are was were do does did can could will would should has have".split()
_INVERTED = {(verb, subject) for verb in _ASKING_VERBS for subject in _ASKED} | {
    (verb, person) for verb in _ASKING_OF_PERSONS for person in _PERSONS
}
_OPENINGS = (
    _INVERTED
    | {(word, verb) for word in _QUESTION_WORDS for verb in _QUESTION_VERBS}
    | {(verb, person) for verb in ("should", "shall") for person in ("i", "we")}
    | {("how", "about"), ("what", "about"), ("why", "not")}
)
# Also the beginning of a condition, `Should you need help, call`, which has a comma.
_CONDITIONS = {("should", subject) for subject in _ASKED} | {("were", person) for person in _PERSONS}
_OPENING_WORDS = frozenset({"what's", "who's", "where's", "how's", "why's"})
# How many words may stand between question word and verb: `What time is it`, `How many of them do you have`.
_ASKED_OF = {"which": 3, "what": 1, "whose": 2, "how": 3}
_MEASURED = frozenset("many much often long far old soon big well good fast".split())


@dataclass(frozen=True, slots=True)
class SentenceLengths:
    """Words a sentence, fillers left out."""

    mean: float | None
    longest: int | None


def is_unpunctuated(text: str, words: int) -> bool:
    """Whether a long transcript has no terminal punctuation at all, so that nothing is known of sentences."""
    return words > _LONG_WITHOUT_STOP and not _TERMINAL.search(text)


def sentence_lengths(fluent: Words) -> SentenceLengths:
    """The mean and the longest sentence in words; fillers, and sentences of fillers alone, are left out.

    Fillers add sound to a sentence and no thought, and are counted elsewhere.
    Norm: 15 to 20 words read easily aloud, over 35 lose listeners. Source: plain-language guidance of GOV.UK
    and plainlanguage.gov. Where speech was punctuated by a machine, its guesses at full stops are measured.
    """
    lengths = [end - start for start, end in fluent.sentences]
    if not lengths:
        return SentenceLengths(None, None)
    return SentenceLengths(round(sum(lengths) / len(lengths), 1), max(lengths))


def questions(words: Words, fluent: Words, *, english: bool) -> int:
    """Counts sentences that end in a question mark or, in English, begin as a question.

    Those begin with a verb and a subject (`Could you`, `Don't you`), a question word and a verb (`What is`),
    or a question word, what it asks of, verb and subject (`What time is it`). No norm. Orders (`Do it now`)
    and conditions (`Should you need help, call`) are none; a statement that begins like a question (`What is
    true is that …`) is counted too.
    """
    marked = sum(1 for what in words.after if what & ASKED)
    ranges = fluent.sentences if english else []
    return marked + sum(
        1
        for start, end in ranges
        if _begins_as_question(fluent, start, end) and not any(map(ASKED.__and__, fluent.after[start:end]))
    )


def opening_and_closing(words: Words) -> tuple[str | None, str | None]:
    """The first and the last sentence, quoted (at most 60 words of each), for a judge to say what they do.

    Whether the first states a purpose and the last asks or concludes is no matter of counting.
    """
    ranges = words.sentences
    if not ranges:
        return None, None
    first, last = ranges[0], ranges[-1]
    opening = _quoted(words, first[0], min(first[1], first[0] + _QUOTED_WORDS))
    return opening, _quoted(words, max(last[0], last[1] - _QUOTED_WORDS), last[1])


def _quoted(words: Words, start: int, end: int) -> str:
    gaps = (_SPACE.sub(" ", words.gaps[place])[:_QUOTED_GAP] for place in range(start, end))
    joined = "".join(raw + gap for raw, gap in zip(words.raw[start:end], gaps, strict=True))
    return _SPACE.sub(" ", joined).strip()[:_QUOTED_CHARACTERS]


def _begins_as_question(words: Words, start: int, end: int) -> bool:
    first, *rest = words.small[start : min(end, start + 6)]
    if first in _OPENING_WORDS:
        return True
    if not rest:
        return False
    opening = (first, rest[0])
    if opening in _CONDITIONS and opening not in _OPENINGS:
        return not any(what & BREAK for what in words.after[start:end])
    return opening in _OPENINGS or _asks_of_something(first, rest)


def _asks_of_something(first: str, rest: list[str]) -> bool:
    """Whether a verb and its subject follow on what is asked of, as in `Which one do you want`."""
    if first not in _ASKED_OF or rest[0] in _ASKED or (first == "how" and rest[0] not in _MEASURED):
        return False
    pairs = list(pairwise(rest))[1 : 1 + _ASKED_OF[first]]
    return any(pair in _INVERTED and pair[1] not in ("this", "that") for pair in pairs)
