"""Right histories made by hand, of a learner with ten tokens a day."""

from __future__ import annotations

import math

from bench.quota_model import Deadline, Final
from bench.quota_records import IN_TRANSACTION
from tests.quota.history_runs import (
    READ_AT,
    History,
    close,
    read,
    read_call,
    record,
    record_call,
    recorded,
    reserve,
    reserve_call,
    settle,
    sweep_call,
)

FOREVER = math.inf


def final(used: int, reserved: int = 0, **ledger: int) -> Final:
    """Tables with one day, and rows of the ledger for it."""
    return Final({1: (used, reserved)}, {name: (1, total) for name, total in ledger.items()}, read_at=READ_AT)


RIGHT = {
    "nothing happened": History(),
    "served and settled": History(
        [reserve("a", (1, 2), 6, granted=6), settle("a", (3, 4), 4, seen=(1, 4, 0))], [], final(4, a=4)
    ),
    "as many as fit": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            reserve("b", (3, 4), 2, 9, granted=4),
            settle("a", (5, 6), None, seen=(1, 0, 4)),
            settle("b", (7, 8), 1, seen=(1, 1, 0)),
        ],
        [],
        final(1, b=1),
    ),
    "refused while the tokens were given back": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            settle("a", (3, 9), None, seen=(1, 0, 0)),
            reserve("b", (4, 5), 6),
        ]
    ),
    "refused after an expired reservation was closed, which was not enough": History(
        [
            reserve("a", (1, 2), 3, granted=3, expires_at=3),
            reserve("b", (3, 4), 6, granted=6),
            reserve("c", (5, 9), 6, closed_before=frozenset("a")),
            settle("b", (10, 11), None, seen=(1, 0, 0)),
        ],
    ),
    "refused after a reservation of another day was released, by a call that returned later": History(
        [
            reserve("a", (1, 2), 6, granted=6, day=2),
            reserve("b", (3, 4), 6, granted=6),
            settle("a", (5, 8), None, seen=(2, 0, 0), day=2),
            reserve("c", (6, 7), 6, closed_before=frozenset("a")),
            settle("b", (9, 10), None, seen=(1, 0, 0)),
        ],
    ),
    "charged more than the limit": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            settle("a", (3, 4), 40, seen=(1, 40, 0)),
            reserve("b", (5, 6), 1),
        ],
        [],
        final(40, a=40),
    ),
    "settled again with more, and with less": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            settle("a", (3, 4), 2, seen=(1, 2, 0)),
            settle("a", (5, 6), 5, seen=(1, 5, 0), day=2, is_new=False),
            settle("a", (7, 8), 3, seen=(2, 0, 0), day=2, is_new=False),
        ],
        [],
        final(5, a=5),
    ),
    "killed after a reservation that took effect, and expired": History(
        [
            reserve("a", (1, 5), 6, known=False, expires_at=7),
            reserve("b", (6, 7), 6),
            reserve("c", (9, 10), 6, granted=6),
            settle("c", (11, 12), 1, seen=(1, 1, 0)),
        ],
        [Deadline(8, "a")],
        final(1, c=1),
    ),
    "killed before a reservation took effect": History(
        [
            reserve("a", (1, 5), 6, known=False),
            reserve("b", (6, 7), 6, granted=6),
            settle("b", (8, 9), 1, seen=(1, 1, 0)),
        ],
        [],
        final(1, b=1),
    ),
    "a charge of a killed process that took effect later": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            settle("a", (3, FOREVER), 4, known=False),
            read((5, 6), (0, 6, 0)),
            read((7, 8), (4, 0, 4)),
        ],
        [],
        final(4, a=4),
    ),
    "settled after it had expired, on another day": History(
        [
            reserve("a", (1, 2), 6, granted=6, expires_at=3),
            settle("a", (5, 6), 4, seen=(2, 4, 0), day=2),
        ],
        [Deadline(4, "a")],
        Final({2: (4, 0)}, {"a": (2, 4)}),
    ),
    "closed as it was recorded, and settled with more": History(
        [
            reserve("a", (1, 2), 6, granted=6),
            record("a", (3, 4), 3, found=True),
            record("a", (5, 6), 5, again=True),
            close("a", (7, 8)),
            read((9, 10), (5, 0, 5)),
            settle("a", (11, 12), 7, seen=(1, 7, 0), is_new=False),
            record("a", (13, 14), 9, found=False),
        ],
        [],
        final(7, a=7),
    ),
    "closed after what was sent turned out to cost nothing": History(
        [
            reserve("a", (1, 2), 6, granted=6, sent=3),
            record("a", (3, 4), None),
            record("a", (5, 6), 5, again=True),
            close("a", (7, 8)),
            read((9, 10), (0, 0, 0)),
        ]
    ),
    "expired after it was sent, and settled with more": History(
        [
            reserve("a", (1, 2), 6, granted=6, expires_at=3, sent=3),
            read((5, 6), (3, 0, 3)),
            settle("a", (7, 8), 4, seen=(1, 4, 0), day=2, is_new=False),
        ],
        [Deadline(4, "a")],
        final(4, a=4),
    ),
    "charged before it was reserved on another day, and once more when it expired": History(
        [
            settle("a", (1, 2), 1, seen=(1, 1, 0)),
            reserve("a", (3, 6), 1, granted=1, expires_at=4, sent=2, day=2),
        ],
        [Deadline(5, "a")],
        final(2, a=2),
    ),
    "refused after an expired reservation was closed, which the refusal rolled back": recorded(
        [
            reserve_call("a", (1, 2), 6, 6),
            reserve_call("b", (5, 6), 8, 3, 0, 3, mode=IN_TRANSACTION),
            read_call((7, 8), 0, 6, 0),
            sweep_call((9, 10)),
        ],
        final(3, a=3),
    ),
    "swept while a record had locked what had expired": recorded(
        [
            reserve_call("a", (1, 2), 6, 6),
            record_call("a", (5, 8), 4),
            sweep_call((6, 7)),
            read_call((9, 10), 0, 6, 0),
            sweep_call((11, 12)),
        ],
        final(4, a=4),
    ),
    "swept by a process that was killed before it closed anything": recorded(
        [
            reserve_call("a", (1, 2), 6, 6),
            sweep_call((5, 6), "killed"),
            read_call((7, 8), 0, 6, 0),
            sweep_call((9, 10)),
        ],
        final(3, a=3),
    ),
}
