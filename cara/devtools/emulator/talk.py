"""What the emulator notices in a learner's words: enough to make different talks get different answers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest

from cara.devtools.emulator.facts import Facts
from cara.devtools.emulator.turns import learner_part
from cara.devtools.emulator.wording import (
    AGAIN,
    COMMON,
    COURTESY,
    FILLER,
    LEAD_IN,
    LINK,
    MEANT_TWICE,
    NARROWED,
    USUAL_HEDGES,
    WORD,
)

SENTENCE = re.compile(
    r"""
    \S[^\n]*?
    (?:
        (?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bNo)(?<!\b[A-Z])
        [.!?…]+["”’)]*(?=\s+[^\sa-z]|\s*$)
        |$
    )
    """,
    re.MULTILINE | re.VERBOSE,
)
STAGE_MARKS = re.compile(r"^(?:\[[^\]\n]{0,60}\]|\([^)\n]{0,60}\)|[\d:.,]{4,12}(?!\S)|[-–—•>*\s])+")
LONG_WORDS = 25
MANY_FILLERS, MANY_HEDGES = 2, 4
"""In a hundred words."""
QUOTED_CHARACTERS = 200
CLAUSE_END = re.compile(r"[,;:—–](?=\s|\w)|\s(?=and\b|but\b|because\b)")


@dataclass(frozen=True)
class Focus:
    """One sentence that an answer speaks about, and whether it is held up as a strength."""

    sentence: str
    strength: bool

    @property
    def quote(self) -> str:
        """The sentence, or of a long one the beginning, up to the end of a clause where there is one."""
        if len(self.sentence) <= QUOTED_CHARACTERS:
            return self.sentence
        head = self.sentence[:QUOTED_CHARACTERS]
        ends = [match.start() for match in CLAUSE_END.finditer(head)]
        return head[: ends[-1]].rstrip() if ends and ends[-1] else head.rsplit(" ", 1)[0]


@dataclass(frozen=True)
class Talk:
    """The learner's part of a transcript, verbatim, with what was counted in it."""

    text: str
    facts: Facts = field(default_factory=Facts)

    @cached_property
    def sentences(self) -> list[str]:
        """Spans of the transcript as they stand there, of two words and more where there are such."""
        spans = [STAGE_MARKS.sub("", match.group()).strip() for match in SENTENCE.finditer(self.text)]
        spans = [span.removesuffix("</v>") for span in spans if "-->" not in span]
        spans = [span for span in spans if span]
        return [span for span in spans if len(WORD.findall(span)) > 1] or spans

    @cached_property
    def words(self) -> list[str]:
        return WORD.findall(self.text)

    @cached_property
    def topics(self) -> list[str]:
        """Up to three longer words that come most often, no filler, hedge or stop word among them.

        Where the stop words aren't known only long ones will do, and no script without capitals has any.
        """
        shortest = 4 if self.facts.english else 7
        counts = Counter(word.lower() for word in self.words if len(word) >= shortest)
        telling = [
            word for word in counts
            if word.upper() != word and re.split("['’]", word)[0] not in COMMON and not word.endswith("ly")
        ]  # fmt: skip
        telling = [word for word in telling if counts[word] > 1] or telling
        return sorted(telling, key=lambda word: (-counts[word], -len(word)))[:3]

    @cached_property
    def focuses(self) -> list[Focus]:
        """The sentences worth speaking about, strengths and others by turns, each sentence once.

        Strengths have no flaw; where nothing has any, the longest sentence is the one to work on.
        """
        flaws = {sentence: self._flaws(sentence) for sentence in self.sentences}
        clean = sorted((one for one in flaws if not flaws[one]), key=_unevenness)
        flawed = sorted((one for one in flaws if flaws[one]), key=lambda one: -flaws[one])
        if not flawed and len(clean) > 1:
            flawed = [max(clean, key=lambda one: len(WORD.findall(one)))]
            clean.remove(flawed[0])
        chosen: list[Focus] = []
        for good, bad in zip_longest(clean, flawed):
            chosen += [Focus(good, strength=True)] if good else []
            chosen += [Focus(bad, strength=False)] if bad else []
        return chosen or [Focus(self.text.strip(), strength=True)]

    def fillers_in(self, sentence: str) -> list[str]:
        """The fillers of the sentence, each once; none where none was counted."""
        if not self.facts.english or self.facts.number("fillers", "count") == 0:
            return []
        return _each_once(FILLER.findall(sentence))

    def hedges_in(self, sentence: str) -> list[str]:
        """The hedges of the sentence, of those that were counted, each once."""
        return _each_once(self._hedge.findall(sentence.replace("’", "'"))) if self._hedge else []

    @property
    def hedges_matter(self) -> bool:
        """Whether there are so many that advice is due; without facts, any are."""
        return self.facts.number("hedges", "perHundredWords") is None or self._rate("hedges") > MANY_HEDGES

    def said_again_in(self, sentence: str) -> str | None:
        """Words of the sentence that are at once said again; none where no repetition was counted."""
        if self.facts.number("repetitions") == 0:
            return None
        found = (match for match in AGAIN.finditer(sentence) if match[1].lower() not in MEANT_TWICE)
        return next((match.group() for match in found), None)

    def lead_in_of(self, sentence: str) -> str | None:
        """What stands at the sentence's beginning and says nothing."""
        found = LEAD_IN.search(sentence) if self.facts.english else None
        return found.group() if found else None

    def says_again(self, sentence: str) -> bool:
        """Whether the whole sentence comes more than once."""
        return self._said[_bare(sentence)] > 1

    def _flaws(self, sentence: str) -> float:
        """How much there is to say against a sentence; 0 when nothing is."""
        against = [
            len(self.fillers_in(sentence)),
            len(self.hedges_in(sentence)) * (1.0 if self.hedges_matter else 0.1),
            bool(self.said_again_in(sentence)),
            2 * self.says_again(sentence),
            bool(self.lead_in_of(sentence)) / 2,
            max(len(WORD.findall(sentence)) - LONG_WORDS, 0) / 10,
        ]
        return sum(against)

    def with_match(self, pattern: re.Pattern[str]) -> str | None:
        """The first sentence in which the pattern is found."""
        return next((sentence for sentence in self.sentences if pattern.search(sentence)), None)

    @cached_property
    def _hedge(self) -> re.Pattern[str] | None:
        counted = self.facts.phrases("hedges", "phrases")
        if counted is None:
            counted = [] if self.facts.members else list(USUAL_HEDGES)
        phrases = (NARROWED.get(phrase, re.escape(phrase)) for phrase in counted)
        return re.compile(rf"(?i)\b(?:{'|'.join(phrases)})\b") if counted else None

    @cached_property
    def _said(self) -> Counter[str]:
        return Counter(map(_bare, self.sentences))

    def score(self, aspect: str) -> float:
        """The mark, 0-100, for an aspect such as `clarity`; any other name gets the mean of all."""
        marks = self._marks
        return marks.get(aspect, sum(marks.values()) / len(marks))

    @cached_property
    def _marks(self) -> dict[str, float]:
        fillers, hedges = self._rate("fillers", FILLER), self._rate("hedges", self._hedge)
        words = max(len(self.words), 1)
        long_winded = abs(words / max(len(self.sentences), 1) - 16)
        variety = len({word.lower() for word in self.words}) / words
        marks = {
            "clarity": 96 - 4 * fillers - 0.8 * long_winded,
            "confidence": 94 - 6 * hedges - 2 * fillers,
            "tone": 68 + 6 * self._rate("", COURTESY) - hedges,
            "pace": 88 - 0.9 * long_winded - fillers,
            "relevance": 50 + 45 * variety,
            "structure": 62 + 8 * self._rate("", LINK) - 0.5 * long_winded,
        }
        return {aspect: min(max(mark, 5.0), 98.0) for aspect, mark in marks.items()}

    def _rate(self, measure: str, pattern: re.Pattern[str] | None = None) -> float:
        """In a hundred words: what was counted, or else what is found."""
        counted = self.facts.number(measure, "perHundredWords")
        if counted is not None or pattern is None:
            return counted or 0.0
        return 100 * len(pattern.findall(self.text)) / max(len(self.words), 1)


def learner_talk(transcript: str, facts: Facts | None = None) -> Talk:
    """The learner's turns, or the whole text when none are told apart."""
    return Talk(learner_part(transcript), facts or Facts())


def _unevenness(sentence: str) -> int:
    return abs(len(WORD.findall(sentence)) - 14)


def _each_once(found: list[str]) -> list[str]:
    """What differs by more than its capitals, as it was first written."""
    return list({one.lower(): one for one in reversed(found)}.values())[::-1]


def _bare(sentence: str) -> str:
    return " ".join(WORD.findall(sentence.lower()))
