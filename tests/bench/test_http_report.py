"""What the HTTP benchmark makes of its rounds: medians, and ratios of what was measured side by side."""

from __future__ import annotations

import pytest

from bench.http import members
from bench.http_cells import CELLS, Learner, requests_of
from bench.http_contenders import Contender, Start
from bench.http_report import markdown
from bench.load import Measured

VERIFY, ONE = CELLS[0], CELLS[3]
CARA, FLOOR = Contender("cara", "Cara", 1, 1), Contender("floor", "floor", 2, 2)
STARTS = [Start(1.0, 100.0), Start(3.0, 120.0), Start(1.5, 110.0)]


def rounds(*requests: int, shared: float = 0.0) -> list[Measured]:
    """Rounds of two seconds each, in which the server worked for one."""
    return [Measured(number, 2.0, 1.0, 0.1, 0.5, shared, [1.0] * number) for number in requests]


def test_rates_are_medians_and_ratios_those_of_each_round() -> None:
    results = {"verify": {"cara": rounds(1_000, 2_000, 3_000), "floor": rounds(4_000, 4_000, 12_000)}}

    text = markdown([VERIFY], [CARA, FLOOR], results, STARTS)

    assert "| `GET /api/auth/verify` | 1,000 (0.500) | 2,000 (0.250) |" in text
    assert "| `GET /api/auth/verify` | 0.25 (0.25) |" in text
    assert "| Cara | 500 – 1,500 | 0.333 – 1.000 | 1.0 / 1.0 | 50% | 50% |" in text
    assert "1.50 s after its start on that core (1.00 – 3.00 s), and holds 110 MiB" in text
    assert "The load itself takes 0.029 ms of its core a request" in text
    assert "Other processes" not in text


def test_a_core_that_others_used_is_told() -> None:
    results = {"verify": {"cara": rounds(1_000, shared=0.3), "floor": rounds(4_000, shared=0.4)}}

    assert "Other processes took 35% of the server's core" in markdown(
        [VERIFY], [CARA, FLOOR], results, STARTS
    )


def test_a_contender_without_a_cell_has_no_figures() -> None:
    text = markdown([VERIFY], [CARA, FLOOR], {"verify": {"cara": rounds(1_000)}}, STARTS)

    assert "| 500 (1.000) | – |" in text
    assert "| `GET /api/auth/verify` | – |" in text


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"b": 1}), ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}), ({"a": {"b": 1}}, {"a": None})],
)
def test_other_members_are_seen_at_any_depth(one: object, other: object) -> None:
    assert members(one) != members(other)


def test_the_same_members_may_have_other_values_and_another_order() -> None:
    assert members({"a": 1, "b": [{"c": 1}]}) == members({"b": [{"c": None}, {"c": 2}], "a": "x"})


def test_each_learner_reads_sessions_of_their_own() -> None:
    learners = [Learner({"Authorization": f"Bearer {who}"}, [f"{who}{n}" for n in range(9)]) for who in "ab"]

    texts = requests_of(ONE, learners)

    assert len(set(texts)) == 10
    assert texts[0].startswith("GET /api/sessions/a0 HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer a\r\n" in texts[0]
    assert texts[1].startswith("GET /api/sessions/b0 ")
