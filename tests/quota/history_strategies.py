"""Random histories of a quota that served one operation at a time, seen by callers whose clocks blur them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from bench.quota_model import Close, Deadline, Final, Operation, Read, RecordSent, Reserve, Settle
from tests.quota.history_runs import LIMIT, History, PlainQuota, result_of

STEP = 100
"""The time between two operations that are served."""

DAYS = st.integers(1, 2)
TOTALS = st.integers(1, LIMIT + 2)


@dataclass
class Run:
    """A quota that serves operations, and their intervals: up to `blur` longer at both ends."""

    draw: st.DrawFn
    blur: int
    is_plain: bool
    """Whether all outcomes are known and nothing expires."""
    quota: PlainQuota = field(default_factory=PlainQuota)
    history: History = field(default_factory=History)
    now: int = 0
    names: int = 0
    loose_ends: int = 4
    """How many effects may still come at any time: each doubles what a search has to look at."""

    def serve_anything(self) -> None:
        """Serves one operation, or lets a reservation expire."""
        step = self.draw(
            st.sampled_from(["reserve", "reserve", "settle", "settle", "record", "close", "read", "expire"])
        )
        if step == "reserve":
            self.reserve()
        elif step == "settle":
            self.settle(self.draw(self.any_name()), self.draw(st.none() | TOTALS))
        elif step == "record":
            self.record(self.draw(self.any_name()))
        elif step == "close":
            interval = self.interval(can_be_unknown=True)
            self.serve(Close(**interval, reservation_id=self.draw(self.any_name()), day=self.draw(DAYS)))
        elif step == "read":
            self.serve(Read(**self.interval(), day=self.draw(DAYS), seen=(0, 0, 0)))
        else:
            self.expire()

    def reserve(self) -> None:
        least, expires = self.draw(st.integers(1, LIMIT)), not self.is_plain and self.draw(st.booleans())
        wanted = Reserve(
            **self.interval(can_be_unknown=True),
            reservation_id=f"r{self.names}",
            day=self.draw(DAYS),
            least=least,
            most=self.draw(st.integers(least, LIMIT + 2)),
            limit=LIMIT,
            expires_at=self.now + 1 if expires else math.inf,
            sent=self.draw(st.none() | TOTALS) if expires else None,
        )
        self.names += 1
        self.serve(wanted)

    def settle(self, name: str, total: int | None, *, can_be_unknown: bool = True) -> None:
        interval = self.interval(can_be_unknown=can_be_unknown)
        self.serve(Settle(**interval, reservation_id=name, day=self.draw(DAYS), total=total))

    def record(self, name: str) -> None:
        """Records that a call is sent, what it has cost, or that it costs nothing."""
        interval, again = self.interval(can_be_unknown=True), self.draw(st.booleans())
        sent = self.draw(TOTALS if again else st.none() | TOTALS)
        self.serve(RecordSent(**interval, reservation_id=name, day=self.draw(DAYS), sent=sent, again=again))

    def any_name(self) -> st.SearchStrategy[str]:
        return st.sampled_from([f"r{number}" for number in range(self.names + 1)])

    def expire(self) -> None:
        expired = [name for name, row in self.quota.reservations.items() if row[-1] <= self.now]
        if expired:
            self.now += STEP
            name = self.draw(st.sampled_from(expired))
            self.quota.expire(name)
            if not self.may_be_loose():
                self.history.deadlines.append(Deadline(self.now + self.draw(self.blurred()), name))

    def end(self) -> History:
        """Releases what is left, and reads the tables."""
        for name, row in list(self.quota.reservations.items()):
            if row[-1] == math.inf:
                self.settle(name, None, can_be_unknown=False)
            else:
                self.quota.expire(name)
                self.history.deadlines.append(Deadline(self.now + STEP, name))
        self.history.final = replace(self.quota.tables(), read_at=self.now + 10 * STEP)
        return self.history

    def serve(self, operation: Operation) -> None:
        if operation.known:
            operation = self.seen(operation, self.quota.serve(operation))
        elif self.draw(st.booleans()):
            self.quota.serve(operation)
        self.history.operations.append(operation)

    def seen(self, operation: Operation, result: Any) -> Operation:
        """Returns the operation with what its caller was told."""
        if isinstance(operation, Reserve):
            closed = {f"r{number}" for number in range(self.names)} - set(self.quota.reservations)
            return replace(
                operation, granted=result, closed_before=frozenset(closed if result is None else ())
            )
        if isinstance(operation, RecordSent):
            return replace(operation, found=None if operation.again else result)
        if isinstance(operation, Settle):
            today = operation.day
            return replace(operation, seen=result or (today, *self.quota.counters(today), False))
        return operation if isinstance(operation, Close) else replace(operation, seen=result)  # type: ignore[call-arg]

    def interval(self, *, can_be_unknown: bool = False) -> dict[str, Any]:
        """Returns the members of the next operation that say when it was seen, and whether its end was."""
        self.now += STEP
        known = not can_be_unknown or self.draw(st.integers(0, 2)) > 0 or not self.may_be_loose()
        invoked, returned = self.now - self.draw(self.blurred()), self.now + self.draw(self.blurred())
        endless = not known and self.draw(st.booleans())
        return {"invoked": invoked, "returned": math.inf if endless else returned, "known": known}

    def may_be_loose(self) -> bool:
        self.loose_ends -= 1
        return not self.is_plain and self.loose_ends >= 0 and self.draw(st.booleans())

    def blurred(self) -> st.SearchStrategy[int]:
        return st.integers(0, self.blur)


@st.composite
def right_histories(draw: st.DrawFn, steps: int, *, blur: int = 250, is_plain: bool = False) -> History:
    """Histories that a right quota can have; plain ones leave nothing open."""
    run = Run(draw, 0 if is_plain else blur, is_plain)
    for _ in range(draw(st.integers(1, steps))):
        run.serve_anything()
    return run.end()


@st.composite
def changed_histories(draw: st.DrawFn, histories: st.SearchStrategy[History]) -> History:
    """Histories in which one thing was seen otherwise than it was; a plain one then is wrong."""
    history = draw(histories)
    known = [index for index, operation in enumerate(history.operations) if tells_something(operation)]
    if known and draw(st.booleans()):
        index = draw(st.sampled_from(known))
        operations = list(history.operations)
        operations[index] = draw(seen_otherwise(operations[index]))
        return replace(history, operations=operations)
    return replace(history, final=draw(other_tables(history.final)))


def tells_something(operation: Operation) -> bool:
    found = operation.found if isinstance(operation, RecordSent) else True
    return operation.known and not isinstance(operation, Close) and found is not None


@st.composite
def seen_otherwise(draw: st.DrawFn, operation: Operation) -> Operation:
    """The same operation with another result."""
    change = draw(st.sampled_from([-1, 1]))
    if isinstance(operation, Reserve):
        fewer = operation.granted - 1 if operation.granted else operation.least
        return replace(
            operation, granted=draw(st.sampled_from([fewer, fewer + 2, None if operation.granted else 1]))
        )
    if isinstance(operation, RecordSent):
        return replace(operation, found=not operation.found)
    seen = list(result_of(operation))
    if isinstance(operation, Settle) and operation.total is not None and not seen[3]:
        return replace(operation, seen=(*seen[:3], True))  # its counters may be older
    seen[draw(st.integers(0, 2))] += change
    return replace(operation, seen=tuple(seen))  # type: ignore[call-arg]


@st.composite
def other_tables(draw: st.DrawFn, final: Final) -> Final:
    """The same tables with a change in one row."""
    day, ledger = draw(DAYS), dict(final.ledger)
    used, reserved = final.days.get(day, (0, 0))
    if ledger and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(ledger)))
        ledger[name] = ledger[name][0], ledger[name][1] + draw(st.sampled_from([-1, 1]))
        return replace(final, ledger=ledger)
    changed = draw(
        st.sampled_from([(used + 1, reserved), (used, reserved + 1), (max(0, used - 1), reserved)])
    )
    return replace(final, days={**final.days, day: changed if changed != (used, reserved) else (1, 0)})
