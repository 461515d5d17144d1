"""Streams with unforeseen errors, and failures that take long to settle: one ending, one event."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.postgres.database import Database
from cara.settings import Settings
from tests.coach.coach_client import PATH, PROMPT, STREAM, settled_tables, stream_coach
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.streams import read_events


@pytest.fixture
async def broken_ledger(database: Database) -> AsyncIterator[None]:
    """Nothing can be charged, for a reason that no rule of ours foresees."""
    async with database.acquire() as connection:
        await connection.execute(
            "alter table quota_usage add constraint nothing_fits check (false) not valid"
        )
        yield
        await connection.execute("alter table quota_usage drop constraint nothing_fits")


@pytest.mark.usefixtures("broken_ledger")
async def test_an_unforeseen_error_ends_a_stream_with_an_internal_error(
    learner: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    events = await stream_coach(learner)
    assert [event.name for event in events] == ["delta"] * (len(events) - 1) + ["error"]
    assert len(events) > 2
    problem = events[-1].data
    assert (problem["status"], problem["code"]) == (500, "internal_error")
    assert problem["detail"] == "Something went wrong."
    await learner.expects(200, "GET", "/api/gemini/quota")
    logged = [record for record in caplog.records if record.name == "cara.coach.routes"]
    assert [(record.levelno, problem["requestId"] in record.message) for record in logged] == [
        (logging.ERROR, True)
    ]
    assert not [record for record in caplog.records if record.name in ("cara.web.problems", "aiohttp.server")]


@pytest.mark.usefixtures("broken_ledger")
async def test_an_unforeseen_error_in_a_stream_leaves_the_connection_usable(
    learner: Learner,
) -> None:
    for _ in range(2):
        assert (await stream_coach(learner))[-1].name == "error"
        await learner.expects(200, "GET", "/api/gemini/quota")


async def test_a_stream_whose_account_is_deleted_meanwhile_ends_with_token_invalid(
    learner: Learner, emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=1))
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    events = read_events(response)
    assert (await anext(events)).name == "delta"
    await learner.expects(204, "DELETE", "/api/users/me")
    rest = [event async for event in events]
    assert [(event.name, event.data["code"]) for event in rest] == [("error", "token_invalid")]
    assert not [record for record in caplog.records if record.name == "aiohttp.server"]
    assert (await learner.client.get("/health")).status == 200


class TestWithFrequentHeartbeats:
    @pytest.fixture(autouse=True)
    def pace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cara.coach.routes.HEARTBEAT_SECONDS", 0.05)
        monkeypatch.setattr("cara.coach.settlement.WAIT_TIMEOUT_SECONDS", 0.4)

    async def test_heartbeats_do_not_interrupt_the_settlement_of_a_failure(
        self,
        learner: Learner,
        database: Database,
        emulator: RunningEmulator,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        emulator.emulator.fail_next(Fault.BAD_KEY)
        async with database.transaction() as connection:
            await connection.execute("lock table quota_usage in share mode")
            response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
            assert "gemini_misconfigured" in await response.text()
        logged = [record for record in caplog.records if record.name == "cara.gemini.errors"]
        assert len(logged) == 1
        assert (await settled_tables(database)).reserved == 0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"gemini_between_chunks_seconds": 3})
