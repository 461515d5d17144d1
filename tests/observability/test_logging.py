"""What the processes write to their logs: where an error came from and its kind, never people's words."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import asyncpg
import pytest
from arq import func
from arq.connections import ArqRedis
from arq.worker import Worker
from pydantic import BaseModel, ValidationError

from cara.errors import InvalidInput
from cara.observability.logging import MOST_ERRORS, HarmlessFormatter, set_up_logs
from cara.postgres.database import Database
from cara.redis.queue import arq_client, deserialize, serialize

SECRET = "what-somebody-said"
logger = logging.getLogger("cara.tests.logs")


class Talk(BaseModel):
    """Something that a secret does not fit into."""

    number: int


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the root logger's handler has written."""
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(HarmlessFormatter("%(levelname)s %(name)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.stream
    root.removeHandler(handler)
    root.setLevel(level)


def _fails(text: str = SECRET) -> None:
    raise ValueError(text)


def _does_not_fit() -> None:
    Talk.model_validate({"number": SECRET})


def _chained() -> None:
    try:
        _fails()
    except ValueError as error:
        raise KeyError(SECRET) from error


def _meanwhile() -> None:
    try:
        _does_not_fit()
    except ValidationError:
        _fails()


def _grouped() -> None:
    inner = ExceptionGroup(SECRET, [OSError(2, SECRET), RuntimeError(SECRET)])
    raise ExceptionGroup(SECRET, [inner, ValueError(SECRET)])


TOLD = {
    _fails: ["builtins.ValueError: (message withheld)", "in _fails"],
    _does_not_fit: ["ValidationError: 1 errors in Talk"],
    _chained: ["ValueError", "direct cause", "KeyError"],
    _meanwhile: ["ValueError", "During handling", "ValidationError: 1 errors in Talk"],
    _grouped: ["ExceptionGroup", "FileNotFoundError: errno 2", "RuntimeError", "ValueError"],
}


@pytest.mark.parametrize("failing", TOLD)
def test_an_error_is_told_by_its_kind_and_frames_alone(written: StringIO, failing: Any) -> None:
    try:
        failing()
    except Exception:
        logger.exception("it went wrong")
    text = written.getvalue()
    assert SECRET not in text
    assert [told for told in TOLD[failing] if told not in text] == []


async def test_what_postgresql_says_of_a_row_stays_out(written: StringIO, database: Database) -> None:
    async with database.acquire() as connection:
        statement = (
            "insert into users (id, email, name, password_hash) values (gen_random_uuid(), $1, '', '')"
        )
        await connection.execute(statement, SECRET)
        with pytest.raises(asyncpg.UniqueViolationError, match=SECRET) as caught:
            await connection.execute(statement, SECRET)
    logger.error("not stored: %s", caught.value, exc_info=caught.value)
    assert SECRET not in written.getvalue()
    assert "sqlstate 23505" in written.getvalue()
    assert "constraint_name users_email_key" in written.getvalue()


def test_errors_that_stand_in_a_line_are_told_by_their_kind(written: StringIO) -> None:
    error = ValueError(SECRET)
    logger.error(error)
    logger.error("%s and %r", error, error)
    logger.error("%(what)s", {"what": error})
    logger.error("of several: %s", [error, (error, {"deep": error})])
    logger.error("of ours: %s", InvalidInput(SECRET))
    logger.error("and %s, %d times", "harmless", 3)
    assert SECRET not in written.getvalue()
    assert written.getvalue().count("ValueError: (message withheld)") == 7
    assert "of ours: InvalidInput: invalid_input" in written.getvalue()
    assert "and harmless, 3 times" in written.getvalue()


def test_what_another_handler_wrote_into_the_record_is_not_repeated(written: StringIO) -> None:
    try:
        _fails()
    except ValueError as error:
        record = logger.makeRecord("cara", logging.ERROR, "", 0, "it", (), (ValueError, error, None))
    assert SECRET in logging.Formatter().format(record)
    assert SECRET not in HarmlessFormatter().format(record)
    assert SECRET in logging.Formatter().format(record)
    assert written.getvalue() == ""


def test_a_chain_without_end_ends(written: StringIO) -> None:
    errors = [ValueError(SECRET) for _ in range(3 * MOST_ERRORS)]
    for error, cause in zip(errors, [*errors[1:], errors[0]], strict=True):
        error.__cause__ = cause
    logger.error("a circle", exc_info=errors[0])
    assert written.getvalue().count("Traceback") == MOST_ERRORS


async def test_asyncio_names_no_task_and_no_callback(written: StringIO) -> None:
    async def fails(word: str) -> None:
        raise ValueError(word)

    loop = asyncio.get_running_loop()
    forgotten = loop.create_task(fails(SECRET), name=SECRET)
    await asyncio.wait([forgotten])
    del forgotten
    gc.collect()
    loop.call_soon(_fails, SECRET)
    await asyncio.sleep(0)
    logging.getLogger("asyncio").warning("Executing %s took %.3f seconds", f"<Task {SECRET}>", 0.25)
    text = written.getvalue()
    assert SECRET not in text
    assert "Task exception was never retrieved" in text
    assert "Exception in callback (withheld)" in text
    assert "Executing (withheld) took 0.250 seconds" in text
    assert text.count("builtins.ValueError: (message withheld)") == 2


async def test_arq_tells_of_a_failed_job_without_its_words(written: StringIO, redis_url: str) -> None:
    async def listens(_: dict[str, Any]) -> None:
        _does_not_fit()

    redis: ArqRedis = arq_client(redis_url, size=5)
    await redis.enqueue_job("listens", _queue_name="arq:test")
    worker = Worker(
        [func(listens, name="listens")],
        redis_pool=redis,
        queue_name="arq:test",
        burst=True,
        handle_signals=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
    )
    await worker.main()
    await redis.aclose(close_connection_pool=True)
    assert "ERROR arq.worker" in written.getvalue()
    assert "ValidationError: 1 errors in Talk" in written.getvalue()
    assert SECRET not in written.getvalue()


def test_the_processes_write_in_this_manner(monkeypatch: pytest.MonkeyPatch) -> None:
    root, access = logging.getLogger(), logging.getLogger("cara.access")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(access, "handlers", [])
    monkeypatch.setattr(access, "propagate", True)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    set_up_logs()
    assert [type(handler.formatter) for handler in root.handlers] == [HarmlessFormatter]
    for name in ("arq.worker", "asyncio", "aiohttp.server", "aiohttp.web"):
        assert logging.getLogger(name).propagate
        assert logging.getLogger(name).handlers == []
    assert not logging.raiseExceptions


def test_pydantic_would_have_told_the_value() -> None:
    with pytest.raises(ValidationError, match=SECRET):
        _does_not_fit()
