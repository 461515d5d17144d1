"""What recognizers do to words: no capitals, no punctuation, and words that they mishear or drop."""

from __future__ import annotations

import random
import re

from cara.feedback.evaluation.retelling import retold, told
from cara.transcripts.talk import Talk

NOISES = ("lower case", "no punctuation", "recognizer errors")
ERROR_RATE = 0.1
"""One word in ten, as of good recognizers on spontaneous speech over a poor line."""

_MARKS = re.compile(r"^[^\w\[(]+|[^\w\])'’-]+$")
_CORE = re.compile(r"[\w'’-]+")
_PAIRS = (
    "their there", "your you're", "its it's", "here hear", "no know", "right write", "for four", "by buy",
    "too two", "one won", "our hour", "weather whether", "new knew", "week weak", "whole hole", "sale sail",
    "then than", "we're were", "piece peace", "wait weight", "plan plant", "form farm", "ask axe",
)  # fmt: skip
_SOUND_ALIKE = {word: other for pair in map(str.split, _PAIRS) for word, other in (pair, pair[::-1])}


def noisy(talk: Talk, noise: str, seed: str) -> Talk:
    """Returns the talk under one of `NOISES`; the same seed gives the same errors."""
    said = told(talk)
    if noise == "lower case":
        return retold([one.changed(str.lower) for one in said])
    if noise == "no punctuation":
        return retold([one.changed(_without_marks) for one in said])
    errors = _Errors(seed, [word for one in said for word in _CORE.findall(one.text)])
    return retold([one.changed(errors.mishear) for one in said])


def _without_marks(word: str) -> str:
    return _MARKS.sub("", word)


class _Errors:
    """Mishears words: half become other words of the talk, a quarter are lost, a quarter sound alike."""

    def __init__(self, seed: str, words: list[str]) -> None:
        self._random = random.Random(seed)
        self._words = words

    def mishear(self, word: str) -> str:
        """Returns the word, or at `ERROR_RATE` what a recognizer makes of it; its punctuation stays."""
        core = _CORE.search(word)
        chance = self._random.random() / ERROR_RATE
        other = self._random.choice(self._words)
        if core is None or chance >= 1:
            return word
        if chance < 0.25:
            return ""
        heard = _SOUND_ALIKE.get(core[0].lower(), other) if chance < 0.5 else other
        return word[: core.start()] + heard + word[core.end() :]
