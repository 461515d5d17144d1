"""Has the variants judged: some at once, each as often as it should be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rich.progress import Progress

from cara.feedback.assessment.assess import assess
from cara.feedback.assessment.grounding import SpokenText
from cara.feedback.assessment.judge import Judged, judge
from cara.feedback.evaluation.variants import Variant
from cara.gemini.client import GeminiCall, GeminiClient, GeminiLimits
from cara.gemini.errors import GeminiBadAnswer, GeminiCircuitOpen, GeminiError, GeminiMisconfigured

JUDGEMENT_SECONDS = 180.0
ATTEMPTS = 5
"""More of both than a learner would wait for: an evaluation may take its time."""

GIVE_UP_AFTER = 10
"""When so many judgements fail with none between that succeeds, no more are tried."""

_CIRCUIT_WAITS, _COOLDOWN_SECONDS = 3, 1.0
_NEVER = 1_000_000


@dataclass(frozen=True)
class Outcome:
    """One judgement of a variant: its scores, and how many quotes it gave and how many of them are true."""

    variant: Variant
    scores: dict[str, float]
    quotes: int
    true_quotes: int


@dataclass(frozen=True)
class Failure:
    """A judgement that could not be had, and why."""

    variant: Variant
    reason: str


@dataclass
class Outcomes:
    """What has come of an evaluation so far; `model` is the name that the model gives itself.

    `untried` judgements were given up, because nothing but failures came.
    """

    judged: list[Outcome] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    tokens: int = 0
    model: str = ""
    failed_in_a_row: int = 0
    untried: int = 0

    def succeed(self, outcome: Outcome, judged: Judged) -> None:
        """Adds a judgement."""
        self.judged.append(outcome)
        self.tokens += judged.tokens
        self.model = judged.model
        self.failed_in_a_row = 0

    def fail(self, variant: Variant, error: GeminiError) -> None:
        """Adds a failure, which may have cost tokens, too."""
        self.failed.append(Failure(variant, _reason(error)))
        self.tokens += error.usage.total_tokens
        self.failed_in_a_row += 1


def limits(at_once: int) -> GeminiLimits:
    """Returns the limits of a client for `judge_all`: every judgement is tried, however many have failed."""
    return GeminiLimits(
        deadline_seconds=JUDGEMENT_SECONDS,
        first_token_seconds=JUDGEMENT_SECONDS,
        between_chunks_seconds=JUDGEMENT_SECONDS,
        max_in_flight=at_once,
        attempts=ATTEMPTS,
        breaker_failures=_NEVER,
        breaker_cooldown_seconds=_COOLDOWN_SECONDS,
    )


async def judge_all(
    gemini: GeminiClient,
    variants: list[Variant],
    outcomes: Outcomes,
    progress: Progress,
    *,
    at_once: int,
    thinking_level: str | None,
) -> None:
    """Adds the judgements of all variants to the outcomes, `at_once` at a time.

    A judgement that fails is a `Failure` among the outcomes; only `GIVE_UP_AFTER` in a row end the rest.

    Raises:
        GeminiMisconfigured: key, model or permission are wrong; no other judgement would succeed.
    """
    waiting = [variant for variant in variants for _ in range(variant.times)]
    bar = progress.add_task("judging", total=len(waiting))
    queue = iter(waiting)

    async def work() -> None:
        for variant in queue:
            if outcomes.failed_in_a_row >= GIVE_UP_AFTER:
                outcomes.untried += 1
            else:
                await _judge(gemini, variant, outcomes, thinking_level)
            progress.advance(bar)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except* GeminiMisconfigured as errors:
        raise errors.exceptions[0] from None


async def _judge(
    gemini: GeminiClient, variant: Variant, outcomes: Outcomes, thinking_level: str | None
) -> None:
    try:
        judged = await _try(gemini, variant.call(thinking_level))
    except GeminiMisconfigured:
        raise
    except GeminiError as error:
        outcomes.fail(variant, error)
    else:
        outcomes.succeed(_outcome(variant, judged), judged)


async def _try(gemini: GeminiClient, call: GeminiCall) -> Judged:
    """Makes the call; while the circuit is open it waits for a while."""
    for _ in range(_CIRCUIT_WAITS):
        try:
            return await judge(gemini, call)
        except GeminiCircuitOpen as error:
            await asyncio.sleep(error.retry_after_seconds or _COOLDOWN_SECONDS)
    return await judge(gemini, call)


def _reason(error: GeminiError) -> str:
    reason = error.reason if isinstance(error, GeminiBadAnswer) else getattr(error, "cause", "")
    return f"{error.detail} ({reason})" if reason else error.detail


def _outcome(variant: Variant, judged: Judged) -> Outcome:
    feedback = assess(
        variant.talk,
        variant.labeled.label.feature_type,
        variant.measures,
        judged.judgement,
        model=judged.model,
        recent_mean_score=None,
    )
    aspects = (*feedback.breakdown.communication, *feedback.breakdown.content)
    scores = {"overall": feedback.overview.score, **{name: aspect.score for name, aspect in aspects}}
    quotes = [highlight.quote for highlight in judged.judgement.highlights]
    said = SpokenText(variant.talk)
    return Outcome(
        variant,
        {name: score for name, score in scores.items() if score is not None},
        len(quotes),
        sum(said.find_sentence(quote) is not None for quote in quotes),
    )
