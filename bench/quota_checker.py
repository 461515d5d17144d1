"""Decides whether the history of a learner's quota fits a quota that serves one operation at a time.

An operation takes effect at one instant between its invocation and its return (linearizability: Herlihy and
Wing, 1990). One with an unknown outcome, because its process was killed or its task cancelled, takes effect
at any time after its invocation, or never. A reservation may expire once it has been kept for long enough.

The search is the just-in-time linearization of Lowe ("Testing for linearizability", 2017) with the memo of
Wing and Gong: events are read in the order of time, with all states that the quota may be in. An operation is
placed only when something returns that it may have to do with. The search is exhaustive: if no state is left,
no order of the operations explains what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bench.quota_model import EMPTY, Deadline, Final, Operation, Reserve, State, day_of, expire

MAX_CONFIGURATIONS = 500_000
"""How many configurations one step may reach: concurrency for a learner is bounded, and so is the search."""

Configuration: TypeAlias = tuple[State, frozenset[int]]
"""A state, and which of the operations under way have taken effect in it, by their index."""

INVOCATION, RETURN, DEADLINE = range(3)


class SearchTooWide(Exception):
    """The history allows more configurations than `MAX_CONFIGURATIONS`: it is not decided."""


@dataclass(frozen=True)
class Violation:
    """What no order of the operations explains, and some states that are possible before it."""

    unexplained: str
    states: tuple[State, ...] = ()

    def __str__(self) -> str:
        return "\n    possible before: ".join((self.unexplained, *map(str, self.states)))


def check(operations: list[Operation], deadlines: Iterable[Deadline], final: Final) -> Violation | None:
    """Returns what no order of a learner's operations explains; None if the history is right.

    Raises:
        SearchTooWide: the history cannot be decided with bounded effort.
    """
    return _Search(operations, deadlines, final).run()


class _Search:
    """Reads the events of a history in order, and keeps the configurations that explain them so far."""

    def __init__(self, operations: list[Operation], deadlines: Iterable[Deadline], final: Final) -> None:
        self._operations = operations
        self._final = final
        self._under_way: dict[int, Operation] = {}
        self._configurations: set[Configuration] = {(EMPTY, frozenset())}
        self._compared: set[int | str] = set()
        self._events: list[tuple[float, int, int]] = []
        self._deadlines = list(deadlines)
        for index, operation in enumerate(operations):
            self._events.append((operation.invoked, INVOCATION, index))
            if operation.returned < math.inf:
                self._events.append((operation.returned, RETURN, index))
        for index, deadline in enumerate(self._deadlines):
            self._events.append((deadline.time, DEADLINE, index))
        self._events.sort()
        self._named: dict[str, set[int | str]] = {}
        for operation in operations:
            name = operation.reservation_id
            self._named.setdefault(name, {name}).add(operation.day)
        self._last_events = self._find_last_events()

    def run(self) -> Violation | None:
        for position, (time, kind, index) in enumerate(self._events):
            before = self._configurations
            if kind == INVOCATION:
                self._under_way[index] = self._operations[index]
                continue
            if kind == RETURN:
                unexplained = self._return(index, time)
            else:
                unexplained = self._expect_expired(self._deadlines[index], time)
            if unexplained is None:
                unexplained = self._compare_with_tables(self._last_events.get(position, ()))
            if unexplained is not None:
                return _violation(unexplained, before)
        return self._compare_final()

    def _return(self, index: int, time: float) -> str | None:
        """The operation has taken effect by now. If its outcome is unknown, it has or it never will."""
        operation = self._under_way[index]
        reached = self._reach(index, time)
        if not operation.known:
            reached |= self._configurations
        self._configurations = {(state, effective - {index}) for state, effective in reached}
        del self._under_way[index]
        return None if reached else f"{operation}"

    def _expect_expired(self, deadline: Deadline, time: float) -> str | None:
        self._configurations = self._reach(deadline.reservation_id, time)
        return None if self._configurations else f"{deadline}: it is still reserved"

    def _compare_with_tables(self, keys: Iterable[int | str]) -> str | None:
        """Compares days and rows that nothing can change any more with those of the end, and forgets them."""
        for key in keys:
            if any(key in self._named[one.id] for state, _ in self._configurations for one in state.open):
                continue  # it changes when that expires: compared at the end
            row = self._final.days.get(key, (0, 0)) if isinstance(key, int) else self._final.ledger.get(key)
            self._configurations = {
                (state.without(key), effective)
                for state, effective in self._configurations
                if (day_of(state, key) if isinstance(key, int) else state.row(key)) == row
            }
            self._compared.add(key)
            if not self._configurations:
                return f"the row {row} of the tables for {key}"
        return None

    def _compare_final(self) -> Violation | None:
        """Nothing is left reserved; counters and ledger are those of a state that is possible at the end."""
        leaked = [day for day, (_, reserved) in self._final.days.items() if reserved]
        if leaked or self._final.left:
            unexplained = f"reserved at the end: days {leaked}, reservations {self._final.left}"
            return _violation(unexplained, self._configurations)
        ledger = {one: row for one, row in self._final.ledger.items() if one not in self._compared}
        days = {
            day: row for day, row in self._final.days.items() if row != (0, 0) and day not in self._compared
        }
        possible = self._reach(None, self._final.read_at)
        for state, _ in possible:
            if not state.open and state.day_rows() == days and state.ledger_rows() == ledger:
                return None
        seen = f"the tables at the end: days {days}, ledger {ledger}, and {len(self._compared)} rows"
        return _violation(seen, possible)

    def _reach(self, target: int | str | None, time: float) -> set[Configuration]:
        """Returns the first configurations on every way that meet the target; all, if there is none.

        The target is the index of an operation that has to take effect, or a reservation that has to be gone.
        Operations that have nothing to do with it can as well take effect after it: they wait.
        """
        related = self._related(target)
        under_way = {
            index: operation
            for index, operation in self._under_way.items()
            if not related.isdisjoint(self._footprint(operation))
        }
        reached = set()
        unvisited = [_observed(one, under_way) for one in self._configurations]
        seen = set(unvisited)
        while unvisited:
            configuration = unvisited.pop()
            if target is None or _meets(configuration, target):
                reached.add(configuration)
                if target is not None:
                    continue
            for step in self._steps(configuration, under_way, time):
                following = _observed(step, under_way)
                if following not in seen:
                    seen.add(following)
                    unvisited.append(following)
            if len(seen) > MAX_CONFIGURATIONS:
                raise SearchTooWide(f"{len(self._under_way)} operations at once")
        return reached

    def _steps(
        self, configuration: Configuration, under_way: dict[int, Operation], time: float
    ) -> Iterator[Configuration]:
        """Yields the configurations after one more operation or expiry has taken effect."""
        state, effective = configuration
        for index, operation in under_way.items():
            if index in effective:
                continue
            following = operation.apply(state)
            if following is None or (following is state and not operation.known):
                continue  # not what was seen, or the same as if it never took effect
            yield following, effective | {index}
        for reservation in state.open:
            if reservation.expires_at <= time:
                yield expire(state, reservation), effective

    def _related(self, target: int | str | None) -> set[int | str]:
        """Returns the days and reservations that operations under way connect with those of the target."""
        footprints = [self._footprint(operation) for operation in self._under_way.values()]
        footprints += [self._named[one.id] for state, _ in self._configurations for one in state.open]
        if target is None:
            return set().union(*footprints)
        related = set(
            self._named[target] if isinstance(target, str) else self._footprint(self._operations[target])
        )
        grown = 0
        while grown < len(related):
            grown = len(related)
            for footprint in footprints:
                if not related.isdisjoint(footprint):
                    related |= footprint
        return related

    def _footprint(self, operation: Operation) -> set[int | str]:
        """Returns all that the operation may read or change: days, and the ids of reservations."""
        if not operation.reservation_id:
            return {operation.day}
        own = self._named[operation.reservation_id]
        return own | operation.closed_before if isinstance(operation, Reserve) else own

    def _find_last_events(self) -> dict[int, list[int | str]]:
        """Returns the days and ids that can change for the last time at an event, by its position."""
        last: dict[int | str, float] = {}
        for position, (_, kind, index) in enumerate(self._events):
            is_deadline = kind == DEADLINE
            named = self._deadlines[index] if is_deadline else self._operations[index]
            keys = self._named[named.reservation_id] if named.reservation_id else {named.day}
            endless = not is_deadline and self._operations[index].returned == math.inf
            for key in keys:
                last[key] = max(last.get(key, 0), math.inf if endless else position)
        found: dict[int, list[int | str]] = {}
        for key, position in last.items():
            if position < math.inf:
                found.setdefault(int(position), []).append(key)
        return found


def _meets(configuration: Configuration, target: int | str) -> bool:
    state, effective = configuration
    return target in effective if isinstance(target, int) else not state.is_open(target)


def _observed(configuration: Configuration, under_way: dict[int, Operation]) -> Configuration:
    """Lets observations take effect that fit: they change nothing, so it is never better to let them wait."""
    state, effective = configuration
    fitting = [
        index
        for index, operation in under_way.items()
        if index not in effective and operation.is_observation and operation.apply(state) is state
    ]
    return (state, effective.union(fitting)) if fitting else configuration


def _violation(unexplained: str, configurations: Iterable[Configuration]) -> Violation:
    return Violation(unexplained, tuple(sorted({state for state, _ in configurations}, key=str)[:5]))
