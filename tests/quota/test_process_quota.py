"""The quota under /process: never overspent, and always given back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from cara.app import create_app
from cara.coach.conversation import build_call
from cara.coach.schemas import ProcessRequest
from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.gemini.calls import GeminiCall
from cara.gemini.tokens import estimate_prompt, with_margin
from cara.postgres.database import Database, new_id
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from cara.settings import Settings
from cara.web.context import provide
from tests.coach.coach_client import (
    PATH,
    PROMPT,
    STREAM,
    ask_coach,
    limit_tokens,
    read_tables,
    settled_tables,
    stream_coach,
)
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.streams import read_events

BRIEF = {"gemini_max_output_tokens": 100, "gemini_thinking_level": "minimal"}
EVENING = datetime(2026, 11, 3, 23, 59, 50, tzinfo=UTC)


class MovableClock:
    """A clock that stands until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(EVENING)


@pytest.fixture
async def app(settings: Settings, clock: MovableClock) -> web.Application:
    app = create_app(settings)
    provide(app, Quota, Quota(settings.daily_token_quota, clock))
    return app


async def reserve(
    database: Database, quota: Quota, learner: Learner, least: int, most: int, limit: int = 1_000
) -> int:
    async with database.acquire() as connection:
        reservation = await quota.reserve(
            connection,
            UUID(learner.user["id"]),
            least,
            most,
            "process",
            own_limit=limit,
            keep_seconds=60,
        )
    return reservation.tokens


async def test_with_little_left_a_small_prompt_gets_a_shorter_answer(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    await limit_tokens(database, 2_100)
    assert (await ask_coach(learner)).status == 200
    allowed = emulator.emulator.requests[-1].body["generationConfig"]["maxOutputTokens"]
    assert 512 + 1_024 <= allowed < 1_024 + 2_048


@pytest.mark.parametrize("headers", [{}, STREAM])
async def test_a_used_up_quota_is_refused_with_the_time_of_its_reset(
    learner: Learner, database: Database, emulator: RunningEmulator, headers: dict[str, str]
) -> None:
    await limit_tokens(database, 2_100)
    before = await (await ask_coach(learner)).json()
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=headers)
    problem = await response.json()

    assert (response.status, problem["code"]) == (429, "quota_exceeded")
    assert problem["resetAt"] == "2026-11-04T00:00:00Z"
    assert problem["resetAt"] in problem["detail"]
    assert response.headers["Retry-After"] == "10"
    assert emulator.emulator.ledger.calls == 1
    seen = await read_tables(database)
    assert (seen.used, seen.reserved) == (before["tokensUsed"], 0)


@pytest.mark.parametrize("headers", [{}, STREAM])
async def test_a_prompt_beyond_a_whole_days_quota_is_refused_for_good(
    learner: Learner, database: Database, emulator: RunningEmulator, headers: dict[str, str]
) -> None:
    await limit_tokens(database, 900)
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=headers)
    problem = await response.json()

    assert (response.status, problem["code"]) == (422, "too_long_for_quota")
    assert "900" in problem["detail"]
    assert "Retry-After" not in response.headers
    assert "resetAt" not in problem
    assert emulator.emulator.ledger.calls == 0
    assert (await read_tables(database)).reserved == 0


async def test_a_reservation_of_the_whole_day_fits_until_a_token_is_used(
    learner: Learner, database: Database
) -> None:
    quota = Quota(50_000)
    assert await reserve(database, quota, learner, 1_000, 1_000) == 1_000
    with pytest.raises(QuotaExceeded):
        await reserve(database, quota, learner, 1_000, 1_000)
    with pytest.raises(TooLongForQuota, match=r"1,001 tokens.* 1,000 "):
        await reserve(database, quota, learner, 1_001, 2_000)


async def test_the_quota_resets_at_midnight_utc(
    learner: Learner, database: Database, clock: MovableClock
) -> None:
    await limit_tokens(database, 2_100)
    before = await (await ask_coach(learner)).json()
    assert (await ask_coach(learner)).status == 429
    clock.moment += timedelta(seconds=10)

    after = await (await ask_coach(learner)).json()
    assert after["remainingQuota"] == 2_100 - after["tokensUsed"]
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert quota["tokensUsed"] == quota["byType"]["process"] == after["tokensUsed"]
    assert quota["resetAt"] == "2026-11-05T00:00:00Z"
    assert (await read_tables(database)).charged == before["tokensUsed"] + after["tokensUsed"]


async def test_a_call_over_midnight_counts_on_the_day_that_reserved_it(
    learner: Learner, database: Database, clock: MovableClock, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next("stall_midstream")
    async with learner.client.post(
        PATH, json={"prompt": PROMPT}, headers=STREAM | learner.authorization
    ) as response:
        await anext(read_events(response))
        clock.moment += timedelta(minutes=1)
        response.close()
    seen = await settled_tables(database)

    assert [row["day"] for row in seen.ledger] == [EVENING.date()]
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"], quota["remaining"]) == (0, 0, 50_000)


async def test_an_own_limit_holds_for_its_user_alone(learner: Learner, database: Database) -> None:
    await limit_tokens(database, 2_100)
    other = await Learner.registers(learner.client)
    assert [(await ask_coach(learner)).status for _ in range(2)] == [200, 429]
    assert [(await ask_coach(other)).status for _ in range(2)] == [200, 200]
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["quota"] == 2_100


async def test_concurrent_calls_never_exceed_the_quota(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    await limit_tokens(database, 3_000)
    peaks: list[int] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            seen = await read_tables(database)
            peaks.append(seen.used + seen.reserved)

    watching = asyncio.create_task(watch())
    responses = await asyncio.gather(*(ask_coach(learner, f"{PROMPT} {number}") for number in range(40)))
    done.set()
    await watching
    seen, statuses = await read_tables(database), [response.status for response in responses]

    assert set(statuses) == {200, 429}
    assert max(peaks) <= 3_000
    assert seen.reserved == seen.reservations == 0
    assert seen.used == seen.charged == emulator.emulator.ledger.total_tokens
    assert len(seen.ledger) == statuses.count(200) == emulator.emulator.ledger.calls


async def test_concurrent_first_reservations_of_a_day_never_exceed_the_quota(
    learner: Learner, database: Database
) -> None:
    quota = Quota(50_000)
    results = await asyncio.gather(
        *(reserve(database, quota, learner, 200, 300) for _ in range(12)), return_exceptions=True
    )
    granted = [result for result in results if isinstance(result, int)]
    assert sorted(granted) == [300, 300, 300] or sum(granted) == 1_000
    assert all(isinstance(result, int | QuotaExceeded) for result in results)
    assert (await read_tables(database)).reserved == sum(granted) <= 1_000


async def test_a_call_that_cost_more_than_was_reserved_is_charged_in_full_and_nothing_remains(
    learner: Learner, database: Database
) -> None:
    quota, user_id, reservation_id = Quota(50_000), UUID(learner.user["id"]), new_id()
    async with database.acquire() as connection:
        await quota.reserve(
            connection, user_id, 100, 100, "process", own_limit=100, keep_seconds=60,
            reservation_id=reservation_id,
        )  # fmt: skip
        charge = Charge("a-model", 130, 10, 140)
        settled = await quota.settle(connection, user_id, reservation_id, "process", charge)
        assert await quota.remaining_after(connection, user_id, 100, settled) == 0
        assert (await quota.status(connection, user_id, 100)).remaining == 0
    assert settled.used == 140


async def test_streams_and_whole_answers_spend_the_same_quota(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    answer: dict[str, Any] = await (await ask_coach(learner)).json()
    done = (await stream_coach(learner))[-1].data
    assert done["remainingQuota"] == 50_000 - answer["tokensUsed"] - done["tokensUsed"]
    assert (await read_tables(database)).used == emulator.emulator.ledger.total_tokens


def brief_call() -> GeminiCall:
    """The call of a turn where answers are short."""
    body = ProcessRequest(prompt=PROMPT)
    return build_call(body, None, history_tokens=0, answer_tokens=100, thinking_level="minimal")


@pytest.fixture
async def brief(
    settings: Settings, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]
) -> Learner:
    """A learner where answers are short."""
    return await Learner.registers(await aiohttp_client(create_app(settings.model_copy(update=BRIEF))))


async def test_where_answers_are_short_anyway_as_little_as_one_of_them_has_to_fit(
    brief: Learner, database: Database, emulator: RunningEmulator
) -> None:
    call = brief_call()
    await limit_tokens(database, with_margin(estimate_prompt(call)) + call.max_output_tokens)
    assert (await ask_coach(brief)).status == 200
    assert emulator.emulator.requests[-1].body["generationConfig"]["maxOutputTokens"] == 100 + 512
    assert emulator.emulator.ledger.token_counts == 0


async def test_a_prompt_that_may_fit_by_an_exact_count_is_counted_before_it_is_refused(
    brief: Learner, database: Database, emulator: RunningEmulator
) -> None:
    call = brief_call()
    needed = with_margin(estimate_prompt(call)) + call.max_output_tokens
    await limit_tokens(database, needed - 1)
    assert (await ask_coach(brief)).status == 200
    assert emulator.emulator.ledger.token_counts == 1
    seen = await read_tables(database)
    assert seen.used == emulator.emulator.ledger.total_tokens <= needed - 1
    await limit_tokens(database, needed)
    assert (await ask_coach(brief)).status == 429
    assert emulator.emulator.ledger.token_counts == 1, "far too little is left for any count to help"


@pytest.mark.parametrize("fault", ["unavailable", "stall"])
async def test_a_prompt_that_cannot_be_counted_is_refused_as_it_is_estimated(
    brief: Learner,
    database: Database,
    emulator: RunningEmulator,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cara.quota.counting.COUNT_TIMEOUT_SECONDS", 0.2)
    emulator.emulator.fail_next(PlannedFault(Fault(fault), methods=frozenset({"countTokens"})))
    call = brief_call()
    await limit_tokens(database, with_margin(estimate_prompt(call)) + call.max_output_tokens - 1)
    problem = await brief.expects(422, "POST", PATH, json={"prompt": PROMPT})
    assert problem["code"] == "too_long_for_quota"
    assert (await read_tables(database)).reserved == 0


@pytest.mark.parametrize(
    "told", [{}, [], None, {"totalTokens": -20_000}, {"totalTokens": 0}, {"totalTokens": 2**40}]
)
async def test_a_count_that_cannot_be_is_no_count(
    brief: Learner,
    database: Database,
    emulator: RunningEmulator,
    told: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cara.devtools.emulator.generation.count_body", lambda _: told)
    call = brief_call()
    await limit_tokens(database, with_margin(estimate_prompt(call)) + call.max_output_tokens - 1)
    problem = await brief.expects(422, "POST", PATH, json={"prompt": PROMPT})
    assert problem["code"] == "too_long_for_quota"
    assert emulator.emulator.ledger.token_counts == 1
    assert (await read_tables(database)).reserved == 0


async def test_a_count_that_is_far_too_low_does_not_switch_the_quota_off(
    brief: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.devtools.emulator.generation.count_body", lambda _: {"totalTokens": 1})
    call = brief_call()
    cautious = with_margin(estimate_prompt(call))
    await limit_tokens(database, cautious * 6 // 10 + call.max_output_tokens - 2)
    await brief.expects(422, "POST", PATH, json={"prompt": PROMPT})
    await limit_tokens(database, cautious * 6 // 10 + call.max_output_tokens + 2)
    assert (await ask_coach(brief)).status == 200
