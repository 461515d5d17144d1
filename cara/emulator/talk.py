"""What the emulator notices in a learner's words: enough to make different talks get different answers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

LABEL = re.compile(r"(?m)^[ \t]*(?:\[?\d{1,2}:\d\d(?::\d\d)?\]?[ \t]*)?([A-Z][\w .'’-]{0,30}?):[ \t]+")
LEARNER = re.compile(r"(?i)^(you|me|user|learner|i|speaker 1)$")
SENTENCE = re.compile(r"(?m)[^\s][^\n]*?(?:[.!?…]+[\"”’)]*(?=\s|$)|$)")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
FILLER = re.compile(r"(?i)\b(um+|uh+|erm?|ah|hmm+|like|you know|i mean|basically|actually|sort of|kind of)\b")
HEDGE = re.compile(r"(?i)\b(i think|i guess|maybe|perhaps|possibly|probably|might|somewhat|just|not sure)\b")
LINK = re.compile(r"(?i)\b(first|second|third|then|next|because|therefore|finally|so that|for example)\b")
COURTESY = re.compile(r"(?i)\b(thank|thanks|please|appreciate|sorry|glad|together|we|our|us)\b")
COMMON = """
about after again also because before being could does from have help here into just know like make mean more
maybe most much only other over perhaps probably really same should some such than thank that their them then
there these they thing things think this those through very want were what when where which while will with
would your
"""


@dataclass(frozen=True)
class Talk:
    """The learner's part of a transcript, verbatim."""

    text: str

    @cached_property
    def sentences(self) -> list[str]:
        """Spans of the transcript as they stand there, of two words and more where there are such."""
        spans = [match.group().strip() for match in SENTENCE.finditer(self.text)]
        return [span for span in spans if len(WORD.findall(span)) > 1] or [span for span in spans if span]

    @cached_property
    def words(self) -> list[str]:
        return WORD.findall(self.text)

    @cached_property
    def topics(self) -> list[str]:
        """Three longer words: those that come most often."""
        counts = Counter(word.lower() for word in self.words if len(word) > 3)
        common = COMMON.split()
        telling = [word for word in counts if word.split("’")[0].split("'")[0] not in common]
        return sorted(telling, key=lambda word: (-counts[word], -len(word)))[:3]

    @cached_property
    def fillers(self) -> list[str]:
        return [match.group().lower() for match in FILLER.finditer(self.text)]

    @cached_property
    def hedges(self) -> list[str]:
        return [match.group().lower() for match in HEDGE.finditer(self.text)]

    @property
    def mean_sentence_words(self) -> float:
        return len(self.words) / max(len(self.sentences), 1)

    def rate(self, pattern: re.Pattern[str]) -> float:
        """Matches in a hundred words."""
        return 100 * len(pattern.findall(self.text)) / max(len(self.words), 1)

    @property
    def variety(self) -> float:
        """Different words ÷ words, 0–1."""
        return len({word.lower() for word in self.words}) / max(len(self.words), 1)

    def score(self, aspect: str) -> float:
        """The mark, 0–100, for an aspect such as `clarity`; any other name gets the mean of all."""
        marks = self._marks
        return marks.get(aspect, sum(marks.values()) / len(marks))

    @cached_property
    def _marks(self) -> dict[str, float]:
        fillers, hedges = self.rate(FILLER), self.rate(HEDGE)
        long_winded = abs(self.mean_sentence_words - 16)
        marks = {
            "clarity": 96 - 4 * fillers - 0.8 * long_winded,
            "confidence": 94 - 6 * hedges - 2 * fillers,
            "tone": 62 + 4 * self.rate(COURTESY) - 2 * hedges,
            "pace": 88 - 0.9 * long_winded - fillers,
            "relevance": 50 + 45 * self.variety,
            "structure": 55 + 8 * self.rate(LINK) - 0.5 * long_winded,
        }
        return {aspect: min(max(mark, 5.0), 98.0) for aspect, mark in marks.items()}


def learner_talk(transcript: str) -> Talk:
    """The turns that carry the learner's label, or the whole text when none does."""
    labels = list(LABEL.finditer(transcript))
    if not any(LEARNER.match(label[1].strip()) for label in labels):
        return Talk(transcript)
    ends = [label.start() for label in labels[1:]] + [len(transcript)]
    turns = [
        transcript[label.end() : end].strip()
        for label, end in zip(labels, ends, strict=True)
        if LEARNER.match(label[1].strip())
    ]
    return Talk("\n".join(turns))


@dataclass(frozen=True)
class Focus:
    """One sentence that an answer speaks about, and whether it is held up as a strength."""

    sentence: str
    strength: bool


def focuses(talk: Talk) -> list[Focus]:
    """The sentences worth speaking about, strengths and others by turns, each sentence once."""
    flawed = sorted(talk.sentences, key=_flaws, reverse=True)
    clean = sorted(talk.sentences, key=lambda sentence: (_flaws(sentence), _unevenness(sentence)))
    chosen: dict[str, Focus] = {}
    for good, bad in zip(clean, flawed, strict=True):
        chosen.setdefault(good, Focus(good, strength=True))
        chosen.setdefault(bad, Focus(bad, strength=False))
    return list(chosen.values()) or [Focus(talk.text.strip(), strength=True)]


def _unevenness(sentence: str) -> int:
    return abs(len(WORD.findall(sentence)) - 14)


def _flaws(sentence: str) -> float:
    long_winded = max(len(WORD.findall(sentence)) - 25, 0) / 10
    return len(FILLER.findall(sentence)) + len(HEDGE.findall(sentence)) + long_winded
