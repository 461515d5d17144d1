"""The learner leaves, the database is away, the process shuts down: what was used is charged."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from cara.app import create_app
from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.postgres.database import Database
from cara.postgres.errors import DatabaseBusy
from cara.settings import Settings
from cara.web.context import service
from tests.coach.coach_client import PATH, PROMPT, STREAM, ask_coach, read_tables, settled_tables, until
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.streams import read_events


async def read_one_chunk(learner: Learner) -> None:
    """Reads the first chunk of a stream and closes the connection."""
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    assert (await anext(read_events(response))).name == "delta"
    response.close()


async def test_a_learner_who_leaves_a_stream_ends_the_call_and_pays_for_what_came(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next("stall_midstream")
    await read_one_chunk(learner)
    ledger = await emulator.emulator.until(lambda ledger: ledger.aborted == 1 and ledger.in_flight == 0)
    seen = await settled_tables(database)

    assert ledger.finished == 0
    assert (seen.reserved, len(seen.ledger)) == (0, 1)
    # Of the two chunks that were sent, one may not have been read when the learner left.
    assert ledger.prompt_tokens < seen.used == seen.charged <= ledger.total_tokens * 1.01
    assert seen.ledger[0]["input_tokens"] == ledger.prompt_tokens


async def test_a_learner_who_leaves_before_the_first_chunk_pays_for_the_prompt(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next("stall")
    asking = asyncio.create_task(ask_coach(learner))
    await emulator.emulator.until(lambda ledger: ledger.calls == 1)
    asking.cancel()
    await emulator.emulator.until(lambda ledger: ledger.aborted == 1)
    seen = await settled_tables(database)
    prompt = json.dumps(emulator.emulator.requests[-1].body["contents"])
    assert len(prompt) / 4 < seen.used == seen.charged < 1_000
    assert (seen.reserved, seen.ledger[0]["output_tokens"]) == (0, 0)
    assert seen.ledger[0]["input_tokens"] == seen.used


async def test_the_turn_of_a_learner_who_left_is_not_kept(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    session = await learner.opens_session()
    emulator.emulator.fail_next("stall_midstream")
    body = {"prompt": PROMPT, "sessionId": session["id"]}
    response = await learner.call("POST", PATH, json=body, headers=STREAM)
    await anext(read_events(response))
    response.close()
    await settled_tables(database)
    assert (await learner.expects(200, "GET", f"/api/sessions/{session['id']}"))["transcript"] is None


async def test_the_answer_arrives_although_its_session_is_deleted_meanwhile(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    session = await learner.opens_session()
    body = {"prompt": PROMPT, "sessionId": session["id"]}
    response = await learner.call("POST", PATH, json=body, headers=STREAM)
    events = read_events(response)
    await anext(events)
    await learner.expects(204, "DELETE", f"/api/sessions/{session['id']}")
    assert [event.name async for event in events][-1] == "done"
    assert (await read_tables(database)).charged == emulator.emulator.ledger.total_tokens


class TestWithOneConnection:
    """A pool of one shows for how long a connection is held."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"database_pool_size": 1, "database_acquire_seconds": 2})

    async def test_no_connection_is_held_while_gemini_is_answering(
        self, learner: Learner, emulator: RunningEmulator
    ) -> None:
        emulator.emulator.fail_next("stall_midstream", times=2)
        whole = asyncio.create_task(ask_coach(learner))
        streamed = asyncio.create_task(read_one_chunk(learner))
        await emulator.emulator.until(lambda ledger: ledger.in_flight == 2)
        quota = await learner.expects(200, "GET", "/api/gemini/quota")
        assert quota["reserved"] > 0
        whole.cancel()
        await asyncio.wait([whole, streamed])

    async def test_a_settlement_outlasts_a_database_that_is_busy_for_a_while(
        self,
        learner: Learner,
        app: web.Application,
        database: Database,
        emulator: RunningEmulator,
    ) -> None:
        emulator.emulator.fail_next("stall_midstream")
        response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
        await anext(read_events(response))
        async with service(app, Database).acquire():
            response.close()
            await emulator.emulator.until(lambda ledger: ledger.aborted == 1)
            assert (await read_tables(database)).reservations == 1
            await until(
                lambda: asyncio.sleep(0), lambda _: service(app, Database).outage.failures[DatabaseBusy.code]
            )
        assert (await settled_tables(database)).charged > 0


async def test_a_process_that_shuts_down_settles_open_turns(
    settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    runner = web.AppRunner(create_app(settings), handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = "http://{}:{}".format(*runner.addresses[0][:2])
    async with ClientSession(url) as session:
        account = {"email": "learner@example.com", "name": "A Learner", "password": "correct horse battery"}
        async with session.post("/api/auth/register", json=account) as response:
            token = (await response.json())["accessToken"]
        emulator.emulator.fail_next("stall_midstream", times=5)
        headers = STREAM | {"Authorization": f"Bearer {token}"}
        streams = [await session.post(PATH, json={"prompt": PROMPT}, headers=headers) for _ in range(5)]
        for stream in streams:
            await anext(read_events(stream))
        await runner.cleanup()
    seen = await read_tables(database)
    assert (seen.reservations, seen.reserved, len(seen.ledger)) == (0, 0, 5)
    assert 0 < seen.used == seen.charged


async def test_health_answers_before_the_sdk_is_there(settings: Settings) -> None:
    released = Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as only_thread:
        loop.set_default_executor(only_thread)
        loop.run_in_executor(None, released.wait)
        client: TestClient[Any, Any] = TestClient(TestServer(create_app(settings)))
        try:
            await client.start_server()
            assert (await client.get("/health")).status == 200
        finally:
            released.set()
            await client.close()


async def test_a_turn_whose_account_is_deleted_meanwhile_answers_401(
    learner: Learner, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.RATE_LIMITED, retry_delay_seconds=3))
    asking = asyncio.create_task(ask_coach(learner))
    await emulator.emulator.until(lambda ledger: ledger.refused == 1)
    await learner.expects(204, "DELETE", "/api/users/me")
    response = await asking
    assert response.status == 401
    assert (await response.json())["code"] == "token_invalid"
