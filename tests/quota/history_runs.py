"""Histories for the tests of the checker, a plain quota, and a search without any cleverness.

The plain quota is written anew, with dictionaries, so that it shares no mistake with the checker's model.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.quota_calls import LearnerCalls, Overlaps
from bench.quota_checker import Violation, check
from bench.quota_model import Close, Deadline, Final, Operation, Read, RecordSent, Reserve, Settle
from bench.quota_records import ALONE, FLEET, Call

LIMIT = 10
READ_AT = 10_000
"""When the tables are read: after everything."""


@dataclass
class PlainQuota:
    """Serves one operation at a time. A reservation is its day, its tokens, what was sent, and its expiry."""

    used: dict[int, int] = field(default_factory=dict)
    reservations: dict[str, tuple[int, int, int | None, float]] = field(default_factory=dict)
    ledger: dict[str, tuple[int, int]] = field(default_factory=dict)

    def counters(self, day: int) -> tuple[int, int]:
        reserved = sum(row[1] for row in self.reservations.values() if row[0] == day)
        return self.used.get(day, 0), reserved

    def serve(self, operation: Operation) -> Any:
        """Returns what the operation returns."""
        if isinstance(operation, Reserve):
            return self.reserve(operation)
        if isinstance(operation, Settle):
            return self.settle(operation.reservation_id, operation.day, operation.total)
        if isinstance(operation, RecordSent):
            return self.record(operation)
        if isinstance(operation, Close):
            return self.expire(operation.reservation_id)
        in_ledger = sum(total for day, total in self.ledger.values() if day == operation.day)
        return *self.counters(operation.day), in_ledger

    def reserve(self, wanted: Reserve) -> int | None:
        """Returns a negative number for a refusal before something was closed that had to be."""
        tokens = min(wanted.most, wanted.limit - sum(self.counters(wanted.day)))
        if tokens < wanted.least:
            return None if wanted.closed_before.isdisjoint(self.reservations) else -1
        self.reservations[wanted.reservation_id] = wanted.day, tokens, wanted.sent, wanted.expires_at
        return tokens

    def settle(self, name: str, today: int, total: int | None) -> tuple[int, int, int, bool] | None:
        """Returns None for a charge that was high enough already."""
        day, is_new = self.reservations.pop(name, (today,))[0], name not in self.ledger
        if total is not None:
            if not is_new and self.ledger[name][1] >= total:
                return None
            day = self.charge(name, day, total)
        return day, *self.counters(day), is_new and total is not None

    def record(self, operation: RecordSent) -> bool:
        row = self.reservations.get(operation.reservation_id)
        if row is not None and not (operation.again and row[2] is None):
            self.reservations[operation.reservation_id] = (*row[:2], operation.sent, row[3])
        return row is not None

    def charge(self, name: str, day: int, total: int) -> int:
        day, before = self.ledger.get(name, (day, 0))
        self.used[day] = self.used.get(day, 0) + max(0, total - before)
        self.ledger[name] = day, max(total, before)
        return day

    def expire(self, name: str) -> None:
        day, _, sent, _ = self.reservations.pop(name, (0, 0, None, 0))
        if sent is not None:
            self.charge(name, day, sent)

    def tables(self) -> Final:
        days = {day: self.counters(day) for day in self.used}
        left = {name: (row[0], row[1]) for name, row in self.reservations.items()}
        return Final(days, dict(self.ledger), left, READ_AT)


@dataclass
class History:
    """The history of one learner."""

    operations: list[Operation] = field(default_factory=list)
    deadlines: list[Deadline] = field(default_factory=list)
    final: Final = field(default_factory=lambda: Final(read_at=READ_AT))

    def check(self) -> Violation | None:
        return check(self.operations, self.deadlines, self.final)

    def can_be_explained(self) -> bool:
        """Tries all orders of what took effect, one after the other: for few operations only."""
        return _explains(self, PlainQuota(), frozenset(), -math.inf)


def _explains(history: History, quota: PlainQuota, placed: frozenset[int], time: float) -> bool:
    """Returns whether the operations that are not placed yet can follow at `time` or later."""
    if _is_finished(history, quota, placed):
        return True
    for index, operation in enumerate(history.operations):
        moment = max(time, operation.invoked)
        if index in placed or moment > operation.returned or _is_overdue(history, quota, moment):
            continue
        following = copy.deepcopy(quota)
        if not agree(operation, following.serve(operation)):
            continue
        if _explains(history, following, placed | {index}, moment):
            return True
    return any(_explains(history, after, placed, moment) for after, moment in _expiries(history, quota, time))


def _expiries(history: History, quota: PlainQuota, time: float) -> Iterator[tuple[PlainQuota, float]]:
    for name, (*_, expires_at) in quota.reservations.items():
        moment = max(time, expires_at)
        if moment <= history.final.read_at and not _is_overdue(history, quota, moment):
            following = copy.deepcopy(quota)
            following.expire(name)
            yield following, moment


def _is_overdue(history: History, quota: PlainQuota, moment: float) -> bool:
    return any(one.time < moment and one.reservation_id in quota.reservations for one in history.deadlines)


def _is_finished(history: History, quota: PlainQuota, placed: frozenset[int]) -> bool:
    missing = (one for index, one in enumerate(history.operations) if index not in placed)
    tables = quota.tables()
    days = {day: row for day, row in history.final.days.items() if row != (0, 0)}
    return (
        not any(operation.known for operation in missing)
        and not quota.reservations
        and not history.final.left
        and {day: row for day, row in tables.days.items() if row != (0, 0)} == days
        and tables.ledger == history.final.ledger
    )


def agree(operation: Operation, result: Any) -> bool:
    """Returns whether an operation may have returned what it did, if the plain quota returns this."""
    if not operation.known or isinstance(operation, Close):
        return True
    if isinstance(operation, RecordSent):
        return operation.found in (None, result)
    if isinstance(operation, Settle) and result is None:
        return operation.seen is not None and not operation.seen[3]
    return bool(result_of(operation) == result)


def result_of(operation: Operation) -> Any:
    return operation.granted if isinstance(operation, Reserve) else operation.seen  # type: ignore[attr-defined]


def reserve(name: str, at: tuple[float, float], least: int, most: int | None = None, **more: Any) -> Reserve:
    """A reservation on day 1 of at most ten tokens that does not expire, unless `more` says otherwise."""
    values = {"day": 1, "limit": LIMIT, "expires_at": math.inf, **more}
    return Reserve(
        invoked=at[0], returned=at[1], reservation_id=name, least=least, most=most or least, **values
    )


def settle(
    name: str,
    at: tuple[float, float],
    total: int | None,
    seen: tuple[int, int, int] | None = None,
    **more: Any,
) -> Settle:
    """A settlement on day 1; of a charge that is new, unless `more` says otherwise."""
    is_new = more.pop("is_new", total is not None)
    return Settle(
        invoked=at[0],
        returned=at[1],
        reservation_id=name,
        total=total,
        seen=(*seen, is_new) if seen else None,
        **{"day": 1, **more},
    )


def read(at: tuple[float, float], seen: tuple[int, int, int], day: int = 1) -> Read:
    return Read(invoked=at[0], returned=at[1], day=day, seen=seen)


def record(name: str, at: tuple[float, float], sent: int | None, **more: Any) -> RecordSent:
    return RecordSent(invoked=at[0], returned=at[1], reservation_id=name, day=1, sent=sent, **more)


def close(name: str, at: tuple[float, float]) -> Close:
    return Close(invoked=at[0], returned=at[1], reservation_id=name, day=1)


def recorded(calls: list[Call], final: Final) -> History:
    """The history that these calls of a learner and sweeps were recorded of, by a clock that never drifts."""
    sweeps = Overlaps(one for one in calls if one.learner == FLEET)
    learner = LearnerCalls([one for one in calls if one.learner != FLEET], sweeps, slack=0)
    return History(learner.operations(), learner.deadlines(), final)


def reserve_call(name: str, at: tuple[int, int], least: int, *results: int, mode: str = ALONE) -> Call:
    """A reservation for two units of time, sent as 3 tokens; with three results it was refused."""
    amounts = {"least": least, "most": least, "limit": LIMIT, "sent": 3}
    arguments = {"id": name, "day": 1, "keep": 2, "mode": mode, **amounts}
    return Call("reserve", 0, arguments, *at, "ok" if len(results) == 1 else "refused", list(results))


def record_call(name: str, at: tuple[int, int], sent: int) -> Call:
    return Call("record", 0, {"id": name, "day": 1, "sent": sent, "again": True}, *at, "ok", [])


def read_call(at: tuple[int, int], *seen: int) -> Call:
    return Call("read", 0, {"day": 1}, *at, "ok", list(seen))


def sweep_call(at: tuple[int, int], mark: str = "ok") -> Call:
    return Call("sweep", FLEET, {}, *at, mark, [])
