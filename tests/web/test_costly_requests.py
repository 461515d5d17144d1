"""What reading a request costs, counted and not timed, for the costliest bodies that `bench.costliest` found.

Counted are the steps of the markup budget, and the calls that the interpreter makes. On the machine of
docs/benchmarks.md 100,000 calls take about 20 ms, without the profiler that counts them.
"""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from bench.costliest_requests import MAX_BODY_BYTES, Shape, mutated, shapes_of
from cara.app import ROUTES
from cara.errors import CaraError
from cara.web.client_info import MAX_HOPS, Address, TrustedProxies
from cara.web.handlers import inputs_of
from cara.web.json_body import _read
from cara.web.strict_json import InvalidJson, parse_object
from cara.web.tags import STEPS_OF_A_REQUEST, MarkupBudget
from tests.learners import Learner

MOST_CALLS = 600_000
MOST_STEPS = STEPS_OF_A_REQUEST * 4 // 3
"""The text that exhausts the budget may cost more than was left of it."""

MUTATED = 10
SEED = 20261127
MODELS = {f"{route.method} {route.path}": inputs_of(route).body for route in ROUTES if inputs_of(route).body}


def cost_of_reading(model: type[BaseModel], raw: bytes) -> tuple[int, int]:
    """The calls and the steps that it takes to read the body, whether it is accepted or refused."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    budget = MarkupBudget()
    sys.setprofile(count)
    try:
        _read(model, raw, budget)
    except CaraError:
        pass
    finally:
        sys.setprofile(None)
    return calls, STEPS_OF_A_REQUEST - budget.left


def mutated_shapes(starts: list[tuple[str, Shape]]) -> Iterator[tuple[str, Shape]]:
    rng = random.Random(SEED)
    for _ in range(MUTATED):
        name, shape = rng.choice(starts)
        yield name, mutated(mutated(shape, rng), rng)


def test_no_body_costs_more_than_a_request_may() -> None:
    starts = [
        (f"{route.method} {route.path}", shape)
        for route in ROUTES
        if inputs_of(route).body
        for shape in shapes_of(route, with_body=True)
    ]
    assert {name for name, _ in starts} == set(MODELS)
    read = 0
    for name, shape in [*starts, *mutated_shapes(starts)]:
        if len(raw := shape.json()) > MAX_BODY_BYTES:
            continue  # refused before it is read
        read += 1
        calls, steps = cost_of_reading(MODELS[name], raw)
        assert calls <= MOST_CALLS, f"{calls:,} calls for {name} {shape.described()}"
        assert steps <= MOST_STEPS, f"{steps:,} steps for {name} {shape.described()}"
    assert read > len(starts)


def test_so_many_brackets_are_refused_before_anybody_looks_how_deep_they_go() -> None:
    with pytest.raises(InvalidJson, match="20,000 values"):
        parse_object(b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}")


class CountingProxies(TrustedProxies):
    looked_at = 0

    def __contains__(self, address: Address) -> bool:
        self.looked_at += 1
        return super().__contains__(address)


def test_of_a_list_of_proxies_without_end_a_few_are_looked_at() -> None:
    proxies = CountingProxies(["10.0.0.0/8"])
    assert proxies.client_of("10.0.0.1", [", ".join(["10.0.0.2"] * 800)] * 90) == "10.0.0.2"
    assert proxies.looked_at <= MAX_HOPS
    assert proxies.client_of("10.0.0.1", ["203.0.113.7" + ", 10.0.0.2" * (MAX_HOPS - 1)]) == "203.0.113.7"


@pytest.mark.parametrize(
    "behind", [b"\0" * 1_000, gzip.compress(b"{}", mtime=0)], ids=["no gzip", "another member"]
)
async def test_what_follows_a_compressed_body_is_refused(learner: Learner, behind: bytes) -> None:
    body = gzip.compress(b'{"role": "Engineer"}') + behind
    refused = await learner.call(
        "PATCH",
        "/api/users/me",
        data=body,
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert (refused.status, (await refused.json())["code"]) == (400, "body_broken")


async def test_an_entity_tag_is_found_in_a_list_with_any_number_of_blanks(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    first = await learner.call("GET", job["statusUrl"])
    tag = first.headers["ETag"]
    field = f'"x",{" " * 3_000},\t{" " * 3_000}W/{tag} , "y"'
    again = await learner.call("GET", job["statusUrl"], headers={"If-None-Match": field})
    assert again.status == 304
