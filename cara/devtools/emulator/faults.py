"""The switches of the emulator: what they are, and which request they strike.

A switch is a `Fault` (no usable answer), a `Deviation` (a usable judgement that misses what was asked for) or
a `WireDeviation` (a good answer that is written or counted in another way than Gemini usually does).
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """The ways in which Gemini, or the network before it, fails.

    `SCHEMA_REFUSED` strikes only requests whose schema has `required` or `enum` in it, `ANY_SCHEMA_REFUSED`
    only those with a schema. `DROP_CONNECTION` after no chunk comes before the first byte of an answer.
    """

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
    RECITATION = "recitation"
    LANGUAGE = "language"
    SCHEMA_REFUSED = "schema_refused"
    ANY_SCHEMA_REFUSED = "any_schema_refused"
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
    ONE_ITEM_TOO_MANY = "one_item_too_many"


class WireDeviation(StrEnum):
    """The ways in which the usage that is told, or the lines of a stream, differ from Gemini's usual ones.

    The ledger bills what was written, whatever usage is told. `USAGE_LATE` tells it after the finish reason,
    in a chunk without candidates. It and those of the lines and the connection concern streams alone.
    """

    USAGE_ABSENT = "usage_absent"
    USAGE_EMPTY = "usage_empty"
    USAGE_PROMPT_ONLY = "usage_prompt_only"
    USAGE_FALLING = "usage_falling"
    USAGE_HUGE = "usage_huge"
    USAGE_NEGATIVE = "usage_negative"
    USAGE_LATE = "usage_late"
    DONE_LINE = "done_line"
    COMMENTS = "comments"
    EVENT_FIELDS = "event_fields"
    NO_SPACE = "no_space"
    SPLIT_SURROGATES = "split_surrogates"
    RESET_AFTER_FINISH = "reset_after_finish"
    SILENT_AFTER_FINISH = "silent_after_finish"


Switch = Fault | Deviation | WireDeviation
GENERATION = frozenset({"generateContent", "streamGenerateContent"})


@dataclass(frozen=True)
class PlannedFault:
    """A switch with its details, and `also` more switches for the same request, at most one of them a fault.

    `retry_delay_seconds` goes into RetryInfo (None leaves it out), `after_chunks` says how much of a stream
    is sent first, `methods` which calls it strikes.
    """

    fault: Switch
    retry_delay_seconds: float | None = 1.0
    after_chunks: int = 2
    methods: frozenset[str] = GENERATION
    also: frozenset[Switch] = frozenset()

    @property
    def switches(self) -> frozenset[Switch]:
        """All switches."""
        return self.also | {self.fault}

    @property
    def failure(self) -> Fault | None:
        """The fault among the switches, if there is one."""
        return next((switch for switch in self.switches if isinstance(switch, Fault)), None)

    def strikes(self, method: str, schema: dict[str, Any] | None) -> bool:
        """Whether it concerns such a request."""
        if method not in self.methods:
            return False
        match self.failure:
            case Fault.SCHEMA_REFUSED:
                return _constrains(schema)
            case Fault.ANY_SCHEMA_REFUSED:
                return bool(schema)
        return True


def _constrains(schema: Any) -> bool:
    """Whether a schema has the keyword `required` or `enum` anywhere."""
    if isinstance(schema, list):
        return any(_constrains(part) for part in schema)
    if not isinstance(schema, dict):
        return False
    keywords = (isinstance(schema.get(name), list) for name in ("required", "enum"))
    return any(keywords) or any(_constrains(part) for part in schema.values())


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

    def fail_next(self, fault: Switch | str | PlannedFault, times: int = 1) -> None:
        """Plans the fault for the next `times` requests, after those planned before."""
        self._next.extend([_planned(fault)] * times)

    def fail_rate(self, fault: Switch | str | PlannedFault, rate: float, seed: int = 0) -> None:
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

    def strike(self, method: str, schema: dict[str, Any] | None = None) -> PlannedFault | None:
        """Returns the fault for an arriving request, if any; one planned by count is used up."""
        for planned in self._next:
            if planned.strikes(method, schema):
                self._next.remove(planned)
                return planned
        for rate in self._rates:
            if rate.planned.strikes(method, schema) and rate.dice.random() < rate.rate:
                return rate.planned
        return None


def named(name: str) -> Switch:
    """Returns the switch of that name.

    Raises:
        ValueError: there is none.
    """
    for kind in (Fault, Deviation, WireDeviation):
        if name in list(kind):
            return kind(name)
    raise ValueError(f"there is no fault named {name!r}")


def _planned(fault: Switch | str | PlannedFault) -> PlannedFault:
    return fault if isinstance(fault, PlannedFault) else PlannedFault(named(fault))
