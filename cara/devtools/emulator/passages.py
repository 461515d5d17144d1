"""Picks the sentences of a talk that advice is about: what is good in them, and what is not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest

from cara.devtools.emulator.prompt import Facts
from cara.devtools.emulator.transcript import count_words, learner_text, split_sentences, unique

LONG_WORDS = 25
MANY_IN_A_HUNDRED = 2.0
"""Fillers or hedges among a hundred words; fewer are normal speech."""
QUOTED_CHARACTERS = 200

USUAL_FILLERS = ("um", "uh", "er", "you know", "basically")
USUAL_HEDGES = ("i think", "i guess", "maybe", "perhaps", "probably", "sort of")
"""Looked for in messages that come without measures."""
HESITATION = re.compile(r"u+h*m*|e+r+m*|h+m+|a+h+")
REMOVABLE_HEDGES = frozenset(
    (*USUAL_HEDGES, "possibly", "just", "kind of", "a little", "to be honest", "if that makes sense")
)
"""Without them the rest is still a sentence."""
AGAIN = re.compile(r"(?i)\b([^\W\d_]+(?:['’][^\W\d_]+)?(?: [^\W\d_]+){0,3}),? \1\b(?!['’-])")
TWICE_ON_PURPOSE = frozenset("very really so much many more far long never no yes had that bye".split())
CLAUSE = re.compile(r"[,;:—–]\s?(?=\w)|\s(?=(?:and|but|because)\b)")
DETAIL = re.compile(
    r"(?i)\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|forty|hundred|third|half|percent|twice)\b"
)


@dataclass(frozen=True)
class Passage:
    """A sentence with its flaws: fillers and hedges as the transcript spells them, and repeated words.

    `plain` says that it has no hedge at all, `longest` that it is the one to shorten if no other has a flaw.
    """

    sentence: str
    fillers: tuple[str, ...] = ()
    hedges: tuple[str, ...] = ()
    repeated: str | None = None
    repeated_sentence: bool = False
    longest: bool = False
    plain: bool = True

    @property
    def strength(self) -> bool:
        return not self.severity

    @property
    def needless(self) -> tuple[str, ...]:
        """The fillers and hedges."""
        return (*self.fillers, *self.hedges)

    @property
    def is_long(self) -> bool:
        return count_words(self.sentence) > LONG_WORDS

    @property
    def severity(self) -> float:
        """How much there is to improve; 0 for a strength."""
        excess = max(count_words(self.sentence) - LONG_WORDS, 0) / 10
        again = bool(self.repeated) + 2 * self.repeated_sentence
        return len(self.needless) + again + excess + self.longest / 100

    @property
    def quote(self) -> str:
        """The sentence, cut after a clause if it is longer than a highlight should be."""
        if len(self.sentence) <= QUOTED_CHARACTERS:
            return self.sentence
        head = self.sentence[:QUOTED_CHARACTERS]
        ends = [match.start() for match in CLAUSE.finditer(head)]
        return head[: ends[-1]].rstrip() if ends and ends[-1] else head.rsplit(" ", 1)[0]

    @property
    def second_half(self) -> str:
        """The clause that begins nearest to the middle."""
        middle = len(self.sentence) // 2
        starts = [match.end() for match in CLAUSE.finditer(self.sentence)] or [middle]
        return self.sentence[min(starts, key=lambda start: abs(start - middle)) :]

    @property
    def improved(self) -> str | None:
        """The sentence without fillers, hedges and repeated words; None if it needs more than leaving out."""
        if not (self.needless or self.repeated) or any(
            hedge.lower() not in REMOVABLE_HEDGES for hedge in self.hedges
        ):
            return None
        rest = self.sentence
        for phrase in self.needless:
            rest = re.sub(rf"(?:^|,?\s+){re.escape(phrase)}(?!\w)(?:,|\.\.\.|…)?", "", rest)
        rest = AGAIN.sub(r"\1", " ".join(rest.split()).lstrip(" ,.?"))
        if "right" in map(str.lower, self.fillers) and rest.endswith("?"):
            rest = rest[:-1] + "."  # a tag question becomes a statement
        if rest == self.sentence or count_words(rest) < 2:
            return None
        return rest[0].upper() + rest[1:]


class Passages:
    """The passages of a talk. Fillers and hedges are those that the facts list, in the learner's turns."""

    def __init__(self, transcript: str, facts: Facts) -> None:
        self.text = learner_text(transcript)
        self.sentences = split_sentences(self.text)
        self._fillers = _filler_pattern(facts)
        self._hedges = _hedge_pattern(facts)
        self._hedges_matter = not facts.members or facts.rate("hedges") > MANY_IN_A_HUNDRED
        self._repetitions = facts.number("repetitions") != 0
        self._times = Counter(sentence.lower() for sentence in self.sentences)

    @cached_property
    def all(self) -> list[Passage]:
        """Strengths and improvements in turn, the clearest first; at least one.

        If no sentence has a flaw, the longest of several is the one to improve.
        """
        passages = [self._passage(sentence) for sentence in dict.fromkeys(self.sentences)]
        if len(passages) > 1 and all(passage.strength for passage in passages):
            longest = max(passages, key=lambda passage: count_words(passage.sentence))
            passages[passages.index(longest)] = replace(longest, longest=True)
        pairs = zip_longest(strengths(passages), improvements(passages))
        return [one for pair in pairs for one in pair if one] or [Passage(self.text.strip())]

    def _passage(self, sentence: str) -> Passage:
        hedges = _found(self._hedges, sentence)
        return Passage(
            sentence,
            fillers=_found(self._fillers, sentence),
            hedges=hedges if self._hedges_matter else (),
            plain=not hedges,
            repeated=_repeated(sentence) if self._repetitions else None,
            repeated_sentence=self._times[sentence.lower()] > 1,
        )


def strengths(passages: list[Passage]) -> list[Passage]:
    """Returns the passages without flaws and hedges.

    Those with a detail come first, then those of a usual length.
    """
    good = [passage for passage in passages if passage.strength and passage.plain]
    return sorted(
        good, key=lambda one: (not DETAIL.search(one.sentence), abs(count_words(one.sentence) - 14))
    )


def improvements(passages: list[Passage]) -> list[Passage]:
    """Returns the passages with flaws, the worst first."""
    return sorted((one for one in passages if not one.strength), key=lambda one: -one.severity)


def _filler_pattern(facts: Facts) -> re.Pattern[str] | None:
    """Hesitations, and other fillers where punctuation sets them off: elsewhere they may be words."""
    counted = facts.counts("fillers", "byWord")
    words = list(counted or {}) if facts.members else list(USUAL_FILLERS)
    if not words or not facts.english:
        return None
    hesitations = "|".join(f"{re.escape(word)}{word[-1]}*" for word in words if HESITATION.fullmatch(word))
    markers = "|".join(re.escape(word) for word in words if not HESITATION.fullmatch(word))
    parts = [rf"\b(?:{hesitations})\b"] if hesitations else []
    parts += [rf"(?:^|(?<=[,.…—?] ))(?:{markers})(?=[,.…?—])"] if markers else []
    return re.compile("|".join(parts), re.IGNORECASE)


def _hedge_pattern(facts: Facts) -> re.Pattern[str] | None:
    counted = facts.counts("hedges", "phrases")
    phrases = list(counted or {}) if facts.members else list(USUAL_HEDGES)
    if not phrases or not facts.english:
        return None
    longest_first = sorted(phrases, key=len, reverse=True)
    spellings = (re.escape(phrase).replace("'", "['’]") for phrase in longest_first)
    return re.compile(rf"\b(?:{'|'.join(spellings)})\b", re.IGNORECASE)


def _found(pattern: re.Pattern[str] | None, sentence: str) -> tuple[str, ...]:
    return tuple(unique(pattern.findall(sentence))) if pattern else ()


def _repeated(sentence: str) -> str | None:
    matches = (match for match in AGAIN.finditer(sentence) if match[1].lower() not in TWICE_ON_PURPOSE)
    return next((match.group() for match in matches), None)
