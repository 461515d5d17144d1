"""The quota of one learner as it would be if it served one operation at a time: what the checker goes by.

Days are ordinals, times are of the monotonic clock in nanoseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple


class Open(NamedTuple):
    """A reservation. Once expired, it is charged with what was recorded as sent, if anything was."""

    id: str
    day: int
    tokens: int
    sent: int | None
    expires_at: float


class State(NamedTuple):
    """Day, used and reserved of each day; the open reservations; id, day and total of the ledger's rows.

    All are sorted, so that states with the same content are equal.
    """

    days: tuple[tuple[int, int, int], ...]
    open: tuple[Open, ...]
    ledger: tuple[tuple[str, int, int], ...]

    def is_open(self, reservation_id: str) -> bool:
        return any(one.id == reservation_id for one in self.open)

    def row(self, reservation_id: str) -> tuple[int, int] | None:
        for one, day, total in self.ledger:
            if one == reservation_id:
                return day, total
        return None

    def without(self, key: int | str) -> State:
        """Forgets a day or a charge."""
        if isinstance(key, int):
            return self._replace(days=tuple(row for row in self.days if row[0] != key))
        return self._replace(ledger=tuple(row for row in self.ledger if row[0] != key))

    def day_rows(self) -> dict[int, tuple[int, int]]:
        return {day: (used, reserved) for day, used, reserved in self.days if used or reserved}

    def ledger_rows(self) -> dict[str, tuple[int, int]]:
        return {one: (day, total) for one, day, total in self.ledger}


EMPTY = State((), (), ())


def day_of(state: State, day: int) -> tuple[int, int]:
    """Returns what is used and reserved."""
    for one, used, reserved in reversed(state.days):
        if one == day:
            return used, reserved
    return 0, 0


def count(state: State, day: int, used: int, reserved: int) -> State:
    """Adds to a day's counters."""
    if not used and not reserved:
        return state
    for position, (one, used_before, reserved_before) in enumerate(state.days):
        if one == day:
            row = (day, used_before + used, reserved_before + reserved)
            days = (*state.days[:position], row, *state.days[position + 1 :])
            return State(days, state.open, state.ledger)
    return State(tuple(sorted((*state.days, (day, used, reserved)))), state.open, state.ledger)


def charge(state: State, reservation_id: str, day: int, total: int) -> tuple[State, int]:
    """Raises a charge to the total, on the day it counts on already, else on `day`. Returns that day, too."""
    day, before = state.row(reservation_id) or (day, -1)
    if total > before:
        state = count(state, day, total - max(before, 0), 0).without(reservation_id)
        state = state._replace(ledger=tuple(sorted((*state.ledger, (reservation_id, day, total)))))
    return state, day


def release(state: State, reservation: Open) -> State:
    """Takes a reservation out of the counters."""
    state = count(state, reservation.day, 0, -reservation.tokens)
    left = tuple([one for one in state.open if one is not reservation])
    return State(state.days, left, state.ledger)


def expire(state: State, reservation: Open) -> State:
    """Releases what nobody settled in time, and charges what was recorded as sent."""
    state = release(state, reservation)
    if reservation.sent is not None:
        state, _ = charge(state, reservation.id, reservation.day, reservation.sent)
    return state


@dataclass(frozen=True, eq=False, kw_only=True)
class Operation:
    """One call, between two instants. Unless its outcome is known, it took effect between them or never.

    `day` is today by the caller's clock, where that matters, else the day of the reservation.
    """

    invoked: float
    returned: float
    day: int
    known: bool = True
    reservation_id: str = ""

    @property
    def is_observation(self) -> bool:
        """Returns whether the operation is known to have changed nothing."""
        return False

    def apply(self, state: State) -> State | None:
        """Returns the state afterwards; None if the operation would not have returned what it did."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, kw_only=True)
class Reserve(Operation):
    """Reserves from `least` to `most` tokens, as many as fit; `granted` is None for a refusal.

    A refusal comes after the reservations `closed_before` are gone: it closes those that have expired.
    """

    least: int
    most: int
    limit: int
    expires_at: float
    """The earliest time of its expiry."""
    sent: int | None = None
    granted: int | None = None
    closed_before: frozenset[str] = frozenset()

    @property
    def is_observation(self) -> bool:
        return self.known and self.granted is None

    def apply(self, state: State) -> State | None:
        fitting = min(self.most, self.limit - sum(day_of(state, self.day)))
        granted = fitting if fitting >= self.least else None
        if self.known and granted != self.granted:
            return None
        if granted is None:
            return None if any(one.id in self.closed_before for one in state.open) else state
        state = count(state, self.day, 0, granted)
        reservation = Open(self.reservation_id, self.day, granted, self.sent, self.expires_at)
        return state._replace(open=tuple(sorted((*state.open, reservation), key=lambda one: one.id)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Settle(Operation):
    """Releases a reservation and charges it, or only releases it; raises the charge if there is one.

    Without a reservation the charge counts on today. `seen` is the day that it was settled on, what was used
    and reserved afterwards, and whether the charge was new. The counters are not compared if a charge was
    high enough already: they are then older than the look at the charge.
    """

    total: int | None
    seen: tuple[int, int, int, bool] | None = None

    def apply(self, state: State) -> State | None:
        day, row = self.day, state.row(self.reservation_id)
        for reservation in state.open:
            if reservation.id == self.reservation_id:
                day = reservation.day
                state = release(state, reservation)
        if self.total is not None:
            if row is not None and row[1] >= self.total:
                return state if not self.known or (self.seen and not self.seen[3]) else None
            state, day = charge(state, self.reservation_id, day, self.total)
        is_new = self.total is not None and row is None
        return state if not self.known or self.seen == (day, *day_of(state, day), is_new) else None


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordSent(Operation):
    """Records what a call has cost so far, or with None that it costs nothing, in its reservation.

    `again` records only what was recorded before. `found` says whether there was such a reservation; None if
    that was not told.
    """

    sent: int | None
    again: bool = False
    found: bool | None = None

    def apply(self, state: State) -> State | None:
        found = [one for one in state.open if one.id == self.reservation_id]
        if self.found is not None and self.found != bool(found):
            return None
        if not found or (self.again and found[0].sent is None) or found[0].sent == self.sent:
            return state
        after = (one if one is not found[0] else one._replace(sent=self.sent) for one in state.open)
        return state._replace(open=tuple(after))


@dataclass(frozen=True, eq=False, kw_only=True)
class Close(Operation):
    """Closes a reservation as it was recorded, whether it has expired or not."""

    def apply(self, state: State) -> State | None:
        for reservation in state.open:
            if reservation.id == self.reservation_id:
                return expire(state, reservation)
        return state


@dataclass(frozen=True, eq=False, kw_only=True)
class Read(Operation):
    """Reads what is used and reserved on a day, and the sum of its ledger."""

    seen: tuple[int, int, int]

    @property
    def is_observation(self) -> bool:
        return True

    def apply(self, state: State) -> State | None:
        used, reserved = day_of(state, self.day)
        return state if self.seen == (used, reserved, used) else None


@dataclass(frozen=True)
class Deadline:
    """At this time (monotonic, in nanoseconds) a reservation that was granted must be gone."""

    time: float
    reservation_id: str


@dataclass(frozen=True)
class Final:
    """The tables at the end: used and reserved of each day, day and total of the ledger's rows, by their ids.

    Of reservations that are `left`, day and tokens. `read_at` is the time.
    """

    days: dict[int, tuple[int, int]] = field(default_factory=dict)
    ledger: dict[str, tuple[int, int]] = field(default_factory=dict)
    left: dict[str, tuple[int, int]] = field(default_factory=dict)
    read_at: float = math.inf
