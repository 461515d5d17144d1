"""What feedback reserves is near to what it costs, and never more than is left."""

from __future__ import annotations

import asyncio

import pytest

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.feedback.work.reservation import ANSWER_TOKENS, LEAST_ANSWER_TOKENS
from cara.gemini.tokens import thinking_room
from cara.postgres.database import Database
from cara.settings import Settings
from tests.coach.coach_client import limit_tokens
from tests.conftest import RunningEmulator
from tests.learners import TALK, Learner
from tests.workers import running_worker

PATH = "/api/gemini/generate-feedback"
SHORT_TALK = "You: Thank you for having me. We should hire two people this year."
ONE_HOUR = "Our sales in the north rose again, because we called each customer twice a year. " * 640
ROOM = ANSWER_TOKENS + thinking_room("low")
LEAST_ROOM = LEAST_ANSWER_TOKENS + thinking_room("low") // 2


def output_limits(emulator: RunningEmulator) -> list[int]:
    return [asked.body["generationConfig"]["maxOutputTokens"] for asked in emulator.emulator.requests]


async def test_five_requests_at_once_fit_on_a_fresh_account(
    learner: Learner, settings: Settings, emulator: RunningEmulator
) -> None:
    jobs = await asyncio.gather(*(learner.asks_for_feedback(f"{SHORT_TALK} {n}") for n in range(5)))
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert quota["reserved"] + quota["remaining"] == 50_000
    async with running_worker(settings):
        ends = [(await learner.follows(job))[-1].name for job in jobs]
    assert ends == ["succeeded"] * 5
    assert output_limits(emulator) == [ROOM] * 5
    after = await learner.expects(200, "GET", "/api/gemini/quota")
    assert after["tokensUsed"] == emulator.emulator.ledger.total_tokens
    assert after["reserved"] == 0


async def test_three_talks_of_an_hour_fit_into_a_day(
    learner: Learner, settings: Settings, emulator: RunningEmulator
) -> None:
    assert 50_000 < len(ONE_HOUR) < 60_000
    async with running_worker(settings):
        for number in range(3):
            job = await learner.asks_for_feedback(f"{ONE_HOUR} {number}", 3_600, "video")
            assert (await learner.follows(job))[-1].name == "succeeded"
    used = (await learner.expects(200, "GET", "/api/gemini/quota"))["tokensUsed"]
    assert used == emulator.emulator.ledger.total_tokens <= 50_000


async def test_with_little_left_a_judgement_gets_less_room_and_with_less_than_that_it_is_refused(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    await learner.asks_for_feedback(f"{TALK} one")
    whole = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    least = whole - ROOM + LEAST_ROOM
    await limit_tokens(database, whole + least + 100)
    job = await learner.asks_for_feedback(f"{TALK} two")
    session = await learner.opens_session(transcript=TALK)
    response = await learner.call("POST", PATH, json={"sessionId": session["id"]})
    problem = await response.json()
    assert (response.status, problem["code"]) == (429, "quota_exceeded")
    assert (problem["remaining"], problem["reserved"]) == (0, whole + least + 100)
    assert problem["needed"] == pytest.approx(least, abs=20)
    assert response.headers["Retry-After"] == "5"
    async with running_worker(settings):
        assert (await learner.follows(job))[-1].name == "succeeded"
    assert LEAST_ROOM <= min(output_limits(emulator)) < ROOM
    await learner.expects(202, "POST", PATH, json={"sessionId": session["id"]})


async def test_a_transcript_that_may_fit_by_an_exact_count_is_counted_before_it_is_refused(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    """The emulator counts four characters a token, and digits are a token each by the estimate."""
    await limit_tokens(database, 7_500)
    numbers = "We sold 1234567890 of them. " * 160
    session = await learner.opens_session(transcript=numbers)
    await learner.expects(202, "POST", PATH, json={"sessionId": session["id"]})
    assert emulator.emulator.ledger.token_counts == 1
    await learner.expects(429, "POST", PATH, json={"sessionId": session["id"], "transcript": f"{numbers} 1"})


async def test_a_transcript_that_cannot_be_counted_is_refused_as_it_is_estimated(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.UNAVAILABLE, methods=frozenset({"countTokens"})), times=1)
    await limit_tokens(database, 7_500)
    session = await learner.opens_session(transcript="We sold 1234567890 of them. " * 160)
    problem = await learner.expects(422, "POST", PATH, json={"sessionId": session["id"]})
    assert problem["code"] == "too_long_for_quota"
    read = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert read["completed"] is False
