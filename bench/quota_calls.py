"""The recorded calls of one learner as operations of a quota, and when expired reservations must be gone."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from bench.quota_model import Close, Deadline, Operation, Read, RecordSent, Reserve, Settle
from bench.quota_records import Call

CANDIDATES = 100
"""How many of the first calls after an expiry are looked at, until one must have closed it."""


class Overlaps:
    """Finds calls by their intervals."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self.calls = sorted(calls, key=lambda call: call.invoked)
        self._invoked = [call.invoked for call in self.calls]
        self._latest = list(accumulate((call.returned for call in self.calls), max))

    def at_once_with(self, call: Call) -> Iterator[Call]:
        """Yields the other calls whose intervals overlap."""
        position = bisect_right(self._invoked, call.returned)
        while position and self._latest[position - 1] >= call.invoked:
            position -= 1
            other = self.calls[position]
            if other.returned >= call.invoked and other is not call:
                yield other

    def after(self, moment: float) -> list[Call]:
        """Returns the first calls that were invoked after that time."""
        position = bisect_left(self._invoked, moment)
        return self.calls[position : position + CANDIDATES]


class LearnerCalls:
    """The calls of one learner, and the sweeps of all learners.

    Expiry goes by PostgreSQL's clock: it may differ by `slack` nanoseconds from what the records say.
    """

    def __init__(self, calls: list[Call], sweeps: Overlaps, slack: int) -> None:
        self._calls = calls
        self._sweeps = sweeps
        self._slack = slack
        self._reserves = Overlaps(call for call in calls if call.kind == "reserve")
        by_id: dict[str, list[Call]] = defaultdict(list)
        refusals: dict[int, list[Call]] = defaultdict(list)
        for call in calls:
            if call.kind in ("settle", "record", "close"):
                by_id[call.arguments["id"]].append(call)
            elif call.mark == "refused" and call.is_committed:
                refusals[call.arguments["day"]].append(call)
        self._by_id = {name: Overlaps(named) for name, named in by_id.items()}
        self._refusals = {day: Overlaps(refused) for day, refused in refusals.items()}
        self._closed_before = self._find_closed_before()

    def operations(self) -> list[Operation]:
        """Returns what may have changed or seen the quota; what failed did neither."""
        return [operation for call in self._calls for operation in self._operations(call)]

    def deadlines(self) -> list[Deadline]:
        """Returns when reservations that have expired must have been closed.

        A sweep closes everything that expired before it began. So does a reservation, of the learner's day,
        before it is refused, unless it rolls that back. Both skip what another call has locked: that one has
        closed it when it returns, unless it is rolled back, or only records.
        """
        found = []
        for call, expired in self._forgotten():
            name = call.arguments["id"]
            later = (self._refusals_after(call, expired), self._sweeps.after(expired))
            times = [self._first_closed(calls, name) for calls in later]
            if min(times) < math.inf:
                found.append(Deadline(min(times), name))
        return found

    def _forgotten(self) -> Iterator[tuple[Call, float]]:
        """Yields the reservations that may have been left to expire, and when they certainly had."""
        for call in self._reserves.calls:
            expired = call.returned + call.arguments["keep"] + self._slack
            if (call.mark == "ok" or not call.is_known) and not self._is_settled(
                call.arguments["id"], expired
            ):
                yield call, expired

    def _refusals_after(self, call: Call, expired: float) -> list[Call]:
        """Returns the first reservations of the same day that were refused after one had expired."""
        return self._refusals.get(call.arguments["day"], NOTHING).after(expired)

    def _find_closed_before(self) -> dict[int, set[str]]:
        """Returns what only a refusal itself can have closed, by the identity of the call."""
        found: dict[int, set[str]] = defaultdict(set)
        for call, expired in self._forgotten():
            name = call.arguments["id"]
            for refusal in self._refusals_after(call, expired):
                if not any(self._at_once(refusal, name)):
                    found[id(refusal)].add(name)
        return found

    def _is_settled(self, name: str, moment: float) -> bool:
        """Returns whether the reservation has certainly been settled before."""
        return any(
            call.kind == "settle" and call.is_committed and call.returned <= moment
            for call in self._by_id.get(name, NOTHING).calls
        )

    def _first_closed(self, calls: Iterable[Call], name: str) -> float:
        """Returns when the reservation must be gone because of the first call that cannot have failed to."""
        times = (self._closed_by(call, name) for call in calls)
        return next((time for time in times if time < math.inf), math.inf)

    def _closed_by(self, closing: Call, name: str) -> float:
        """Returns when a reservation must be gone, if a call closes it or skips it as locked; or infinity."""
        calls = [closing, *self._at_once(closing, name)]
        if all(call.is_committed and call.kind != "record" for call in calls):
            return max(call.returned for call in calls)
        return math.inf

    def _at_once(self, call: Call, name: str) -> Iterator[Call]:
        """Yields the calls that may have locked a reservation meanwhile."""
        for others in (self._by_id.get(name, NOTHING), self._reserves, self._sweeps):
            yield from others.at_once_with(call)

    def _operations(self, call: Call) -> Iterator[Operation]:
        if call.mark == "failed" or (call.kind == "read" and call.mark != "ok"):
            return
        given, ended = call.arguments, call.mark == "ok"
        common: dict[str, Any] = {
            "invoked": call.invoked,
            "returned": call.returned,
            "day": given["day"],
            "known": call.is_known,
        }
        if call.kind == "read":
            yield Read(**common, seen=tuple(call.results))
            return
        common["reservation_id"] = given["id"]
        if call.kind == "settle":
            yield Settle(**common, total=given["total"], seen=tuple(call.results) if ended else None)
        elif call.kind == "record":
            found = call.results[0] if call.results else None
            yield RecordSent(**common, sent=given["sent"], again=given["again"], found=found)
        elif call.kind == "close":  # skips what another call has locked
            common["known"] = common["known"] and not any(self._at_once(call, given["id"]))
            yield Close(**common)
        else:
            yield from self._reservation(call, common)

    def _reservation(self, call: Call, common: dict[str, Any]) -> Iterator[Operation]:
        """Yields the reservation, and the look at the day that a refusal tells of."""
        given = call.arguments
        yield Reserve(
            **common,
            least=given["least"],
            most=given["most"],
            limit=given["limit"],
            sent=given["sent"],
            expires_at=call.invoked + given["keep"] - self._slack,
            granted=call.results[0] if call.mark == "ok" else None,
            closed_before=frozenset(self._closed_before.get(id(call), ())),
        )
        if call.mark == "refused" and call.is_committed:
            yield Read(
                invoked=call.invoked, returned=call.returned, day=given["day"], seen=tuple(call.results)
            )


NOTHING = Overlaps(())
