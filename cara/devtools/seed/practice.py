"""What a made-up learner has practised: sample talks, at the speed of the day, measured by the real rules."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cara.feedback.assessment import scores
from cara.samples import SAMPLES, Sample
from cara.speech import measure

PRACTISES_ON_A_DAY = 0.6
SLOWEST, FASTEST = 1.3, 0.75
"""Times the usual duration of a talk."""


@dataclass(frozen=True)
class PastSession:
    """A completed session of some day; the scores are those that can be measured, nobody judged."""

    title: str
    feature_type: str
    transcript: str
    duration_seconds: int
    started_at: datetime
    scores: dict[str, float | None]

    @property
    def completed_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.duration_seconds)


def past_sessions(chance: random.Random, now: datetime, weeks: int) -> Iterator[PastSession]:
    """Some weeks of practice up to now, oldest first, at most one session a day."""
    for days_ago in range(7 * weeks, -1, -1):
        if chance.random() < PRACTISES_ON_A_DAY:
            started_at = now - timedelta(days=days_ago, minutes=chance.randint(10, 240))
            yield _session(chance.choice(SAMPLES), chance.uniform(FASTEST, SLOWEST), started_at)


def _session(sample: Sample, speed: float, started_at: datetime) -> PastSession:
    seconds = round(sample.duration_seconds * speed)
    transcript = sample.transcript()
    return PastSession(
        sample.title,
        sample.feature_type,
        transcript,
        seconds,
        started_at,
        _measured_scores(transcript, seconds, sample.feature_type),
    )


def _measured_scores(transcript: str, seconds: int, feature_type: str) -> dict[str, float | None]:
    measures = measure(transcript, duration_seconds=seconds, feature_type=feature_type)
    fillers = measures.fillers.per_hundred_words if measures.fillers else None
    hedges = measures.hedges.per_hundred_words if measures.hedges else None
    assertives = measures.assertives.per_hundred_words if measures.assertives else None
    clarity = scores.clarity_measured(
        fillers, measures.mean_sentence_words, measures.repairs_per_hundred_words
    )
    parts: dict[str, float | None] = {
        "clarity": None if clarity is None else round(clarity),
        "pace": scores.pace_score(measures.scorable_words_per_minute, feature_type),
        "confidence": scores.confidence_measured(hedges, assertives),
    }
    return {**parts, "overall": scores.overall(parts, feature_type)}
