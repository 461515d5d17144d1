"""Every fault of Gemini × whole answers and streams: status, body, charge and log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.postgres.database import Database
from cara.settings import Settings
from tests.charges import fits_ledger
from tests.coach.coach_client import PATH, PROMPT, STREAM, ask_coach, read_tables
from tests.conftest import RunningEmulator, make_settings
from tests.learners import Learner
from tests.streams import SentEvent, read_events

UNAVAILABLE = (503, "gemini_unavailable")
TIMED_OUT = (504, "gemini_timed_out")
BAD_ANSWER = (503, "gemini_bad_answer")
BLOCKED = (422, "content_blocked")
OUTCOMES = {
    Fault.RATE_LIMITED: UNAVAILABLE,
    Fault.INTERNAL: UNAVAILABLE,
    Fault.UNAVAILABLE: UNAVAILABLE,
    Fault.BAD_GATEWAY: UNAVAILABLE,
    Fault.BAD_KEY: (502, "gemini_misconfigured"),
    Fault.BAD_REQUEST: (502, "gemini_refused"),
    Fault.STALL: TIMED_OUT,
    Fault.STALL_MIDSTREAM: TIMED_OUT,
    Fault.CUT_STREAM: BAD_ANSWER,
    Fault.DROP_CONNECTION: BAD_ANSWER,
    Fault.ERROR_MIDSTREAM: UNAVAILABLE,
    Fault.BLOCKED_PROMPT: BLOCKED,
    Fault.BLOCKED_ANSWER: BLOCKED,
    Fault.ONLY_THOUGHTS: BAD_ANSWER,
    Fault.RECITATION: (503, "gemini_recitation"),
    Fault.LANGUAGE: (422, "language_unsupported"),
}
# These concern JSON that was asked for; a conversation is no JSON, and may break off.
UNAFFECTED = {
    Fault.BROKEN_JSON,
    Fault.SCHEMA_BREACH,
    Fault.OUT_OF_ROOM,
    Fault.SCHEMA_REFUSED,
    Fault.ANY_SCHEMA_REFUSED,
}
MIDSTREAM = {
    Fault.STALL_MIDSTREAM,
    Fault.CUT_STREAM,
    Fault.DROP_CONNECTION,
    Fault.ERROR_MIDSTREAM,
    Fault.BLOCKED_ANSWER,
    Fault.RECITATION,
    Fault.LANGUAGE,
}
UNTOLD = {Fault.STALL_MIDSTREAM, Fault.CUT_STREAM, Fault.DROP_CONNECTION, Fault.ERROR_MIDSTREAM}
"""What ends an answer before the chunk that tells its usage."""
REPORTED = {Fault.BAD_KEY, Fault.BAD_REQUEST}


@pytest.fixture
def settings(database_url: str, redis_url: str, emulator: RunningEmulator) -> Settings:
    return make_settings(
        database_url=database_url,
        redis_url=redis_url,
        gemini_base_url=emulator.url,
        gemini_attempts=1,
        gemini_first_token_seconds=3,
        gemini_between_chunks_seconds=3,
    )


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def check_tables(database: Database, emulator: RunningEmulator, fault: Fault) -> None:
    """What Gemini told is charged, no more and no less, and nothing stays reserved."""
    seen, ledger = await read_tables(database), emulator.emulator.ledger
    assert (seen.reserved, seen.reservations) == (0, 0)
    assert seen.used == seen.charged
    assert seen.charged == ledger.total_tokens or (fault in UNTOLD and fits_ledger(seen.charged, ledger))
    assert len(seen.ledger) == (1 if ledger.total_tokens else 0)


def check_problem(problem: dict[str, Any], fault: Fault) -> None:
    assert (problem["status"], problem["code"]) == OUTCOMES[fault]
    assert problem["requestId"]
    assert problem["error"] == problem["detail"]
    if OUTCOMES[fault] == BLOCKED:
        assert problem["category"] == ("harassment" if fault.value.startswith("blocked") else fault.value)


def check_log(log: pytest.LogCaptureFixture, fault: Fault, answered: str) -> None:
    """It says what happened, and not a word of what was said."""
    outcome = next(record for record in log.records if record.name == "cara.coach.turn")
    assert OUTCOMES[fault][1] in log.text
    assert outcome.message.startswith("process ") or fault in REPORTED
    assert PROMPT not in log.text
    assert "learner_message" not in log.text
    assert not answered or answered not in log.text


def test_every_fault_is_covered() -> None:
    assert set(OUTCOMES) | UNAFFECTED == set(Fault)


@pytest.mark.parametrize("fault", OUTCOMES)
async def test_a_whole_answer_that_fails(
    learner: Learner,
    database: Database,
    emulator: RunningEmulator,
    log: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    emulator.emulator.fail_next(fault)
    response = await ask_coach(learner)
    problem = await response.json()

    assert response.status == OUTCOMES[fault][0]
    assert response.content_type == "application/problem+json"
    assert ("Retry-After" in response.headers) is (response.status in (503, 504))
    check_problem(problem, fault)
    await check_tables(database, emulator, fault)
    check_log(log, fault, "")
    assert (await ask_coach(learner)).status == 200


@pytest.mark.parametrize("fault", sorted(set(OUTCOMES) - MIDSTREAM))
async def test_a_stream_that_fails_before_its_first_chunk_has_a_status_of_its_own(
    learner: Learner,
    database: Database,
    emulator: RunningEmulator,
    log: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    emulator.emulator.fail_next(fault)
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    problem = await response.json()

    assert response.status == OUTCOMES[fault][0]
    assert response.content_type == "application/problem+json"
    check_problem(problem, fault)
    await check_tables(database, emulator, fault)
    check_log(log, fault, "")


@pytest.mark.parametrize("fault", sorted(MIDSTREAM))
async def test_a_stream_that_fails_midway_ends_with_the_problem_and_is_settled_by_then(
    learner: Learner,
    database: Database,
    emulator: RunningEmulator,
    log: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    emulator.emulator.fail_next(PlannedFault(fault, after_chunks=2))
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    events: list[SentEvent] = []
    async for event in read_events(response):
        events.append(event)
        if event.name == "error":
            await check_tables(database, emulator, fault)

    names = [event.name for event in events]
    assert names in (["delta", "error"], ["delta", "delta", "error"])  # two that wait for the reader are one
    check_problem(events[-1].data, fault)
    check_log(log, fault, events[0].data["text"])


@pytest.mark.parametrize("fault", sorted(UNAFFECTED))
async def test_faults_of_json_do_not_affect_a_conversation(
    learner: Learner, emulator: RunningEmulator, fault: Fault
) -> None:
    emulator.emulator.fail_next(fault)
    assert (await ask_coach(learner)).status == 200


@pytest.mark.parametrize(
    ("fault", "cause"), [(Fault.BAD_KEY, "API key not valid"), (Fault.BAD_REQUEST, "invalid argument")]
)
async def test_configuration_errors_are_logged_for_the_operator_and_kept_from_the_learner(
    learner: Learner, emulator: RunningEmulator, log: pytest.LogCaptureFixture, fault: Fault, cause: str
) -> None:
    emulator.emulator.fail_next(fault)
    problem = await (await ask_coach(learner)).json()
    assert cause not in problem["detail"]
    logged = [record for record in log.records if record.levelno == logging.ERROR]
    assert [record.name for record in logged] == ["cara.gemini.errors"]
    assert cause in logged[0].message


class TestWithoutGemini:
    @pytest.fixture
    def settings(self, settings: Settings, unused_tcp_port: int) -> Settings:
        return settings.model_copy(update={"gemini_base_url": f"http://127.0.0.1:{unused_tcp_port}"})

    @pytest.mark.parametrize("headers", [{}, STREAM])
    async def test_a_refused_connection_is_unavailable_and_costs_nothing(
        self, learner: Learner, database: Database, headers: dict[str, str]
    ) -> None:
        response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=headers)
        problem = await response.json()
        assert (response.status, problem["code"]) == UNAVAILABLE
        assert response.content_type == "application/problem+json"
        assert "Retry-After" in response.headers
        assert problem["requestId"]
        seen = await read_tables(database)
        assert (seen.used, seen.reserved, seen.reservations, seen.ledger) == (0, 0, 0, [])


async def test_a_failed_turn_is_not_kept_in_the_session(learner: Learner, emulator: RunningEmulator) -> None:
    session = await learner.opens_session(transcript="You: Good morning.")
    emulator.emulator.fail_next(Fault.CUT_STREAM)
    assert (await ask_coach(learner, sessionId=session["id"])).status == 503
    after = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert after["transcript"] == "You: Good morning."


async def test_an_outage_opens_the_circuit_and_sends_retry_after(
    learner: Learner, emulator: RunningEmulator, database: Database
) -> None:
    emulator.emulator.fail_next(Fault.UNAVAILABLE, times=5)
    for _ in range(5):
        await ask_coach(learner)
    response = await ask_coach(learner)
    assert (response.status, (await response.json())["code"]) == UNAVAILABLE
    assert 1 <= int(response.headers["Retry-After"]) <= 10
    assert emulator.emulator.ledger.calls == 5
    assert (await read_tables(database)).reservations == 0


async def test_a_stream_that_waits_sends_heartbeats_and_then_the_failure_as_an_event(
    learner: Learner, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.coach.routes.HEARTBEAT_SECONDS", 0.1)
    emulator.emulator.fail_next(Fault.STALL)
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    text = await response.text()
    assert response.status == 200
    assert text.startswith(": alive\n\n")
    assert text.count("event: ") == text.count("event: error") == 1
    assert '"code": "gemini_timed_out"' in text
