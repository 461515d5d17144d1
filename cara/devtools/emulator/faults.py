"""Planned faults of the emulator, and which request they strike."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """The ways in which Gemini, or the network before it, fails."""

    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    BAD_GATEWAY = "bad_gateway"
    BAD_KEY = "bad_key"
    BAD_REQUEST = "bad_request"
    STALL = "stall"
    STALL_MIDSTREAM = "stall_midstream"
    CUT_STREAM = "cut_stream"
    DROP_CONNECTION = "drop_connection"
    ERROR_MIDSTREAM = "error_midstream"
    BROKEN_JSON = "broken_json"
    SCHEMA_BREACH = "schema_breach"
    BLOCKED_PROMPT = "blocked_prompt"
    BLOCKED_ANSWER = "blocked_answer"
    OUT_OF_ROOM = "out_of_room"
    ONLY_THOUGHTS = "only_thoughts"


class Deviation(StrEnum):
    """The ways in which a judgement misses what was asked for and is still usable."""

    LONG_QUOTE = "long_quote"
    LONG_SUMMARY = "long_summary"
    LONG_TITLE = "long_title"
    EMPTY_SENTENCE = "empty_sentence"
    MANY_HIGHLIGHTS = "many_highlights"
    FRACTIONAL_SCORES = "fractional_scores"
    SCORES_AS_TEXT = "scores_as_text"
    SCORES_BEYOND = "scores_beyond"
    NULL_SCORE = "null_score"
    MISSING_SCORE = "missing_score"
    FOREIGN_MEMBERS = "foreign_members"
    FENCED = "fenced"
    PREFACED = "prefaced"
    UNGROUNDED = "ungrounded"


GENERATION = frozenset({"generateContent", "streamGenerateContent"})


@dataclass(frozen=True)
class PlannedFault:
    """A fault or deviation with its details.

    `retry_delay_seconds` goes into RetryInfo (None leaves it out), `after_chunks` says how much of a stream
    is sent first, `methods` which calls it strikes.
    """

    fault: Fault | Deviation
    retry_delay_seconds: float | None = 1.0
    after_chunks: int = 2
    methods: frozenset[str] = GENERATION


@dataclass
class _Rate:
    planned: PlannedFault
    rate: float
    dice: random.Random


@dataclass
class FaultPlan:
    """Decides which fault strikes a request: first those planned by count, in order, then those by rate."""

    _next: deque[PlannedFault] = field(default_factory=deque)
    _rates: list[_Rate] = field(default_factory=list)

    def fail_next(self, fault: Fault | Deviation | str | PlannedFault, times: int = 1) -> None:
        """Plans the fault for the next `times` requests, after those planned before."""
        self._next.extend([_planned(fault)] * times)

    def fail_rate(self, fault: Fault | Deviation | str | PlannedFault, rate: float, seed: int = 0) -> None:
        """From now on each request fails with probability `rate`, repeatably for the same seed.

        Raises:
            ValueError: the rate is not a probability.
        """
        if not 0 <= rate <= 1:
            raise ValueError("rate must be between 0 and 1")
        self._rates.append(_Rate(_planned(fault), rate, random.Random(seed)))

    def clear(self) -> None:
        """Removes all planned faults."""
        self._next.clear()
        self._rates.clear()

    def strike(self, method: str) -> PlannedFault | None:
        """Returns the fault for an arriving request, if any; one planned by count is used up."""
        for planned in self._next:
            if method in planned.methods:
                self._next.remove(planned)
                return planned
        for rate in self._rates:
            if method in rate.planned.methods and rate.dice.random() < rate.rate:
                return rate.planned
        return None


def named(name: str) -> Fault | Deviation:
    """Returns the fault or deviation of that name.

    Raises:
        ValueError: there is none.
    """
    try:
        return Deviation(name)
    except ValueError:
        return Fault(name)


def _planned(fault: Fault | Deviation | str | PlannedFault) -> PlannedFault:
    return fault if isinstance(fault, PlannedFault) else PlannedFault(named(fault))
