"""What an evaluation judges: each talk as it is, and some of them under attacks and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cara.feedback.assessment.prompt import ANSWER_TOKENS, feedback_call
from cara.feedback.evaluation.folder import LabeledTalk
from cara.feedback.evaluation.injections import INJECTION_NAMES, injected
from cara.feedback.evaluation.noise import NOISES, noisy
from cara.gemini.client import GeminiCall
from cara.gemini.tokens import estimate_prompt
from cara.practice.schemas import stored_goal
from cara.speech import SpeechMeasures, measure_talk
from cara.transcripts.talk import Talk

Kind = Literal["plain", "attack", "neutral", "noise"]

_USUAL_ANSWER_TOKENS = ANSWER_TOKENS // 4


@dataclass(frozen=True)
class Variant:
    """A talk as it is, or under the attack, the neutral words or the noise that `name` names.

    It is judged `times` times; 0 where its measures alone are compared.
    """

    labeled: LabeledTalk
    kind: Kind
    name: str
    talk: Talk
    measures: SpeechMeasures
    times: int

    @property
    def file(self) -> str:
        return self.labeled.label.file

    def __str__(self) -> str:
        return self.file if self.kind == "plain" else f"{self.file}, {self.kind}: {self.name}"

    def call(self, thinking_level: str | None) -> GeminiCall:
        """Returns the call that a learner's job would make."""
        label = self.labeled.label
        goal = stored_goal(label.goal) if label.goal else None
        return feedback_call(label.feature_type, self.talk, self.measures, [], thinking_level, goal=goal)


def variants_of(talks: list[LabeledTalk], *, times: int, probes: int, seed: int) -> list[Variant]:
    """Returns what is compared: all talks as they are, under each attack and under each noise.

    Talks as they are come first, and are judged `times` times. The first `probes` talks are judged once under
    each attack, with its neutral words, and under each noise; of the others these are measured only.
    """
    plain = [_variant(one, "plain", "", one.talk, times) for one in talks]
    return plain + [
        variant for number, one in enumerate(talks) for variant in _probes(one, int(number < probes), seed)
    ]


def estimate(variants: list[Variant], thinking_level: str | None) -> int:
    """Returns about how many tokens the judgements will cost, thoughts left out."""
    return sum(
        variant.times * (estimate_prompt(variant.call(thinking_level)) + _USUAL_ANSWER_TOKENS)
        for variant in variants
        if variant.times
    )


def _probes(labeled: LabeledTalk, times: int, seed: int) -> Iterator[Variant]:
    for name in INJECTION_NAMES:
        attacked, neutral = injected(labeled.talk, name)
        yield _variant(labeled, "attack", name, attacked, times)
        yield _variant(labeled, "neutral", name, neutral, times)
    for name in NOISES:
        talk = noisy(labeled.talk, name, f"{seed} {labeled.label.file}")
        yield _variant(labeled, "noise", name, talk, times)


def _variant(labeled: LabeledTalk, kind: Kind, name: str, talk: Talk, times: int) -> Variant:
    label = labeled.label
    seconds = label.duration_seconds
    if seconds is None:
        seconds = labeled.talk.transcript.known_seconds
    measures = measure_talk(talk, duration_seconds=seconds, feature_type=label.feature_type)
    return Variant(labeled, kind, name, talk, measures, times)
