"""Wrong histories made by hand, of a learner with ten tokens a day: each has one mistake of a quota."""

from __future__ import annotations

from bench.quota_model import Deadline, Final
from tests.quota.history_examples import final
from tests.quota.history_runs import (
    History,
    read,
    read_call,
    record,
    recorded,
    reserve,
    reserve_call,
    settle,
    sweep_call,
)

WRONG = {
    "lost update": History(
        [settle("a", (1, 4), 3, seen=(1, 3, 0)), settle("b", (2, 3), 4, seen=(1, 4, 0))],
        [],
        final(4, a=3, b=4),
    ),
    "lost update that only the tables show": History(
        [settle("a", (1, 4), 3, known=False), settle("b", (2, 3), 4, seen=(1, 4, 0))], [], final(4, a=3, b=4)
    ),
    "double charge": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0)), settle("a", (3, 4), 3, seen=(1, 6, 0), is_new=False)],
        [],
        final(6, a=3),
    ),
    "double charge by a killed process": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0)), settle("a", (3, 9), 3, known=False)], [], final(6, a=3)
    ),
    "raise that adds": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0)), settle("a", (3, 4), 5, seen=(1, 8, 0), is_new=False)],
        [],
        final(8, a=8),
    ),
    "raise that is forgotten": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0)), settle("a", (3, 4), 5, seen=(1, 3, 0), is_new=False)],
        [],
        final(3, a=3),
    ),
    "charge that falls": History(
        [settle("a", (1, 2), 5, seen=(1, 5, 0)), settle("a", (3, 4), 3, seen=(1, 3, 0), is_new=False)],
        [],
        final(3, a=3),
    ),
    "charge on another day than the reservation": History(
        [reserve("a", (1, 2), 6, granted=6), settle("a", (3, 4), 4, seen=(2, 4, 0), day=2)],
        [],
        Final({2: (4, 0)}, {"a": (2, 4)}),
    ),
    "over-admission": History(
        [
            reserve("a", (1, 4), 6, granted=6),
            reserve("b", (2, 3), 6, granted=6),
            settle("a", (5, 6), None, seen=(1, 0, 6)),
            settle("b", (7, 8), None, seen=(1, 0, 0)),
        ]
    ),
    "granted more than fits": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            reserve("b", (3, 4), 1, 9, granted=5),
            settle("a", (5, 6), None, seen=(1, 0, 5)),
            settle("b", (7, 8), None, seen=(1, 0, 0)),
        ]
    ),
    "granted less than fits": History(
        [reserve("a", (1, 2), 1, 9, granted=8), settle("a", (3, 4), None, seen=(1, 0, 0))]
    ),
    "spurious refusal": History([reserve("a", (1, 2), 6)]),
    "refusal after the tokens were given back": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            settle("a", (3, 4), None, seen=(1, 0, 0)),
            reserve("b", (5, 6), 6),
        ]
    ),
    "refusal although an expired reservation had to be released": History(
        [reserve("a", (1, 2), 6, granted=6, expires_at=3), reserve("b", (5, 6), 6)], [Deadline(4, "a")]
    ),
    "refusal that closes an expired reservation, and does not try once more": History(
        [
            reserve("a", (1, 2), 6, granted=6, expires_at=3),
            reserve("b", (5, 7), 6, closed_before=frozenset("a")),
        ],
        [Deadline(7, "a")],
    ),
    "refusal that says a reservation of another day is gone, which is released later": History(
        [
            reserve("a", (1, 2), 6, granted=6, day=2),
            reserve("b", (3, 4), 6, granted=6),
            reserve("c", (5, 6), 6, closed_before=frozenset("a")),
            settle("a", (7, 8), None, seen=(2, 0, 0), day=2),
            settle("b", (9, 10), None, seen=(1, 0, 0)),
        ],
    ),
    "expiry before its time": History(
        [reserve("a", (1, 2), 6, granted=6, expires_at=7), reserve("b", (3, 4), 6, granted=6)],
        [Deadline(9, "a")],
    ),
    "expiry that forgets what was sent": History(
        [reserve("a", (1, 2), 6, granted=6, expires_at=3, sent=3), read((5, 6), (0, 0, 0))],
        [Deadline(4, "a")],
    ),
    "expiry that charges what was recorded before": History(
        [
            reserve("a", (1, 2), 6, granted=6, sent=2, expires_at=6),
            record("a", (3, 4), 4, again=True),
            record("a", (3, 5), 5, again=True),
            read((6, 7), (2, 0, 2)),
        ],
        [Deadline(8, "a")],
        final(2, a=2),
    ),
    "record in a reservation that is gone": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            settle("a", (3, 4), None, seen=(1, 0, 0)),
            record("a", (5, 6), 3, found=True),
        ]
    ),
    "charge that is called new again": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0)), settle("a", (3, 4), 2, seen=(1, 3, 0))], [], final(3, a=3)
    ),
    "reservation that is never released": History(
        [reserve("a", (1, 2), 6, granted=6)], [], Final({1: (0, 6)}, {}, {"a": (1, 6)})
    ),
    "counter that stays reserved without a reservation": History(
        [reserve("a", (1, 2), 6, granted=6, expires_at=3)], [Deadline(4, "a")], final(0, 6)
    ),
    "reservation that is gone before its time": History([reserve("a", (1, 2), 6, granted=6)]),
    "row of the ledger that nobody wrote": History([], [], final(3, a=3)),
    "row of the ledger with another total": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0))], [], final(3, a=2)
    ),
    "effect after a process had certainly ended": History(
        [settle("a", (1, 4), 3, known=False), read((5, 6), (0, 0, 0)), read((7, 8), (3, 0, 3))],
        [],
        final(3, a=3),
    ),
    "charge that is seen and then no more": History(
        [
            settle("a", (1, 9), 3, known=False),
            read((2, 3), (3, 0, 3)),
            read((4, 5), (0, 0, 0)),
        ],
        [],
        final(3, a=3),
    ),
    "counter and ledger that differ within a call": History(
        [settle("a", (1, 2), 3, seen=(1, 3, 0)), read((3, 4), (3, 0, 0))], [], final(3, a=3)
    ),
    "refusal that leaves what has expired": recorded(
        [
            reserve_call("a", (1, 2), 6, 6),
            reserve_call("b", (5, 6), 8, 0, 6, 0),
            read_call((7, 8), 0, 6, 0),
            sweep_call((9, 10)),
        ],
        final(3, a=3),
    ),
    "sweep that leaves what has expired": recorded(
        [
            reserve_call("a", (1, 2), 6, 6),
            sweep_call((5, 6)),
            read_call((7, 8), 0, 6, 0),
            sweep_call((9, 10)),
        ],
        final(3, a=3),
    ),
}
