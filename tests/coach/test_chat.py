"""What a turn does to the database: nothing while Gemini is down, and no harm when a connection breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from cara.coach.chat import Coach
from cara.coach.schemas import ProcessRequest
from cara.devtools.emulator.faults import Fault
from cara.gemini.client import connect_gemini
from cara.gemini.errors import GeminiCircuitOpen
from cara.postgres.database import Database
from cara.quota.quota import Quota, Reservation
from cara.redis.queue import RollupNotifier
from cara.settings import Settings
from cara.web.context import service
from cara.web.guard import Caller
from cara.web.storage_limit import StorageLimit
from tests.coach.coach_client import PATH, PROMPT, ask_coach, read_tables, settled_tables
from tests.conftest import RunningEmulator
from tests.learners import Learner

RESERVING = b"insert into quota_reservations"
ANSWERS_TO_RESERVING = 2
"""One to the statement's preparation, one to its execution; without a transaction it is committed by then."""


class TestWithOneConnection:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={
                "database_pool_size": 1,
                "database_acquire_seconds": 10,
                "gemini_attempts": 1,
                "gemini_breaker_cooldown_seconds": 3_600,
            }
        )

    async def test_while_the_circuit_is_open_no_turn_asks_for_a_connection(
        self, learner: Learner, app: web.Application, emulator: RunningEmulator
    ) -> None:
        emulator.emulator.fail_next(Fault.UNAVAILABLE, times=5)
        for _ in range(5):
            assert (await ask_coach(learner)).status == 503
        caller = Caller(
            user_id=UUID(learner.user["id"]),
            is_admin=False,
            timezone="UTC",
            daily_token_quota=None,
            family_id=uuid4(),
            authenticated_seconds_ago=0,
            learner={},
        )
        async with service(app, Database).acquire():
            with pytest.raises(GeminiCircuitOpen):
                async with service(app, Coach).turn(caller, ProcessRequest(prompt=PROMPT)):
                    pass


class Wire:
    """Between the application and PostgreSQL; breaks in place of the answer to the first reservation."""

    def __init__(self) -> None:
        self.broken = False
        self._answers_left: int | None = None

    async def listen(self, folder: Path, database_url: str) -> tuple[asyncio.Server, str]:
        """The server, and the URL at which the same database is reached through it."""
        sockets, port = (parse_qs(urlsplit(database_url).query)[name][0] for name in ("host", "port"))
        self._target = f"{sockets}/.s.PGSQL.{port}"
        server = await asyncio.start_unix_server(self._connected, f"{folder}/.s.PGSQL.{port}")
        return server, database_url.replace(f"host={sockets}", f"host={folder}")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_unix_connection(self._target)
        await asyncio.gather(
            self._pass(reader, back_writer, answer=False), self._pass(back_reader, writer, answer=True)
        )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answer: bool
    ) -> None:
        while data := await reader.read(65_536):
            if self._breaks_at(data, answer):
                break
            writer.write(data)
        writer.close()

    def _breaks_at(self, data: bytes, answer: bool) -> bool:
        if not answer and RESERVING in data and self._answers_left is None:
            self._answers_left = ANSWERS_TO_RESERVING
        elif answer and self._answers_left:
            self._answers_left -= 1
            self.broken = self._answers_left == 0
            return self.broken
        return False


class TestOverAWire:
    @pytest.fixture
    async def wire(self) -> Wire:
        return Wire()

    @pytest.fixture
    async def settings(
        self, settings: Settings, wire: Wire, tmp_path_factory: pytest.TempPathFactory
    ) -> AsyncIterator[Settings]:
        server, url = await wire.listen(
            tmp_path_factory.mktemp("wire"), settings.database_url.get_secret_value()
        )
        yield settings.model_copy(update={"database_url": type(settings.database_url)(url)})
        server.close()

    async def test_a_reservation_is_released_when_the_connection_breaks_after_its_commit(
        self, learner: Learner, database: Database, emulator: RunningEmulator, wire: Wire
    ) -> None:
        problem = await learner.expects(503, "POST", PATH, json={"prompt": PROMPT})
        assert problem["code"] == "database_unavailable"
        assert wire.broken
        seen = await settled_tables(database)
        assert (seen.used, seen.reserved, emulator.emulator.ledger.calls) == (0, 0, 0)
        assert (await ask_coach(learner)).status == 200


class HeldQuota(Quota):
    """Reserves, and does not return: whoever waits for it can be cancelled after the commit."""

    def __init__(self, default_limit: int) -> None:
        super().__init__(default_limit)
        self.has_reserved = asyncio.Event()

    async def reserve(self, *args: Any, **options: Any) -> Reservation:
        await super().reserve(*args, **options)
        self.has_reserved.set()
        await asyncio.Future()
        raise AssertionError("it is cancelled before")


async def test_a_reservation_is_released_when_the_learner_leaves_right_after_its_commit(
    learner: Learner, app: web.Application, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    quota = HeldQuota(50_000)
    gemini = connect_gemini(settings)
    coach = Coach(settings, database, quota, gemini, service(app, RollupNotifier), service(app, StorageLimit))
    caller = Caller(UUID(learner.user["id"]), False, "UTC", None, uuid4(), 0, {})

    async def take_a_turn() -> None:
        async with coach.turn(caller, ProcessRequest(prompt=PROMPT)):
            pass

    turn = asyncio.create_task(take_a_turn())
    await quota.has_reserved.wait()
    assert (await read_tables(database)).reservations == 1
    turn.cancel()
    await asyncio.wait([turn])
    await coach.close()
    await gemini.close()
    seen = await read_tables(database)
    assert (seen.used, seen.reserved, seen.reservations) == (0, 0, 0)
    assert emulator.emulator.ledger.calls == 0
