"""Log lines hold the type and the frames of an error, never its message."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
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
from cara.observability.logging import MAX_CHAINED_ERRORS, RedactingFormatter, set_up_logs
from cara.postgres.database import Database
from cara.redis.queue import arq_client, deserialize, serialize

SECRET = "what-somebody-said"
logger = logging.getLogger("cara.tests.logs")


class Talk(BaseModel):
    """A model for which the secret is invalid."""

    number: int


@pytest.fixture
def log_output() -> Iterator[StringIO]:
    """The output of the root logger's handler."""
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.stream
    root.removeHandler(handler)
    root.setLevel(level)


def _fails(text: str = SECRET) -> None:
    raise ValueError(text)


def _fails_validation() -> None:
    Talk.model_validate({"number": SECRET})


def _chained() -> None:
    try:
        _fails()
    except ValueError as error:
        raise KeyError(SECRET) from error


def _in_handler() -> None:
    try:
        _fails_validation()
    except ValidationError:
        _fails()


def _grouped() -> None:
    inner = ExceptionGroup(SECRET, [OSError(2, SECRET), RuntimeError(SECRET)])
    raise ExceptionGroup(SECRET, [inner, ValueError(SECRET)])


EXPECTED = {
    _fails: ["builtins.ValueError: (message withheld)", "in _fails"],
    _fails_validation: ["ValidationError: 1 errors in Talk"],
    _chained: ["ValueError", "direct cause", "KeyError"],
    _in_handler: ["ValueError", "During handling", "ValidationError: 1 errors in Talk"],
    _grouped: ["ExceptionGroup", "FileNotFoundError: errno 2", "RuntimeError", "ValueError"],
}


@pytest.mark.parametrize("failing", EXPECTED)
def test_an_error_is_logged_with_its_type_and_frames_alone(log_output: StringIO, failing: Any) -> None:
    try:
        failing()
    except Exception:
        logger.exception("it went wrong")
    text = log_output.getvalue()
    assert SECRET not in text
    assert [part for part in EXPECTED[failing] if part not in text] == []


async def test_messages_of_postgresql_are_redacted(log_output: StringIO, database: Database) -> None:
    async with database.acquire() as connection:
        statement = (
            "insert into users (id, email, name, password_hash) values (gen_random_uuid(), $1, '', '')"
        )
        await connection.execute(statement, SECRET)
        with pytest.raises(asyncpg.UniqueViolationError, match=SECRET) as caught:
            await connection.execute(statement, SECRET)
    logger.error("not stored: %s", caught.value, exc_info=caught.value)
    assert SECRET not in log_output.getvalue()
    assert "sqlstate 23505" in log_output.getvalue()
    assert "constraint_name users_email_key" in log_output.getvalue()


def test_errors_in_the_arguments_are_redacted(log_output: StringIO) -> None:
    error = ValueError(SECRET)
    logger.error(error)
    logger.error("%s and %r", error, error)
    logger.error("%(what)s", {"what": error})
    logger.error("of several: %s", [error, (error, {"deep": error})])
    logger.error("of ours: %s", InvalidInput(SECRET))
    logger.error("and %s, %d times", "plain", 3)
    assert SECRET not in log_output.getvalue()
    assert log_output.getvalue().count("ValueError: (message withheld)") == 7
    assert "of ours: InvalidInput: invalid_input" in log_output.getvalue()
    assert "and plain, 3 times" in log_output.getvalue()


def test_text_that_another_handler_cached_in_the_record_is_not_used(log_output: StringIO) -> None:
    try:
        _fails()
    except ValueError as error:
        record = logger.makeRecord("cara", logging.ERROR, "", 0, "it", (), (ValueError, error, None))
    assert SECRET in logging.Formatter().format(record)
    assert SECRET not in RedactingFormatter().format(record)
    assert SECRET in logging.Formatter().format(record)
    assert log_output.getvalue() == ""


def test_a_circular_chain_is_bounded(log_output: StringIO) -> None:
    errors = [ValueError(SECRET) for _ in range(3 * MAX_CHAINED_ERRORS)]
    for error, cause in zip(errors, [*errors[1:], errors[0]], strict=True):
        error.__cause__ = cause
    logger.error("a circle", exc_info=errors[0])
    assert log_output.getvalue().count("Traceback") == MAX_CHAINED_ERRORS


async def test_tasks_and_callbacks_of_asyncio_are_redacted(log_output: StringIO) -> None:
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
    text = log_output.getvalue()
    assert SECRET not in text
    assert "Task exception was never retrieved" in text
    assert "Exception in callback (withheld)" in text
    assert "Executing (withheld) took 0.250 seconds" in text
    assert text.count("builtins.ValueError: (message withheld)") == 2


async def test_failed_jobs_of_arq_are_redacted(log_output: StringIO, redis_url: str) -> None:
    async def listens(_: dict[str, Any]) -> None:
        _fails_validation()

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
    assert "ERROR arq.worker" in log_output.getvalue()
    assert "ValidationError: 1 errors in Talk" in log_output.getvalue()
    assert SECRET not in log_output.getvalue()


def test_set_up_logs_installs_the_formatter(monkeypatch: pytest.MonkeyPatch) -> None:
    root, access = logging.getLogger(), logging.getLogger("cara.access")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(access, "handlers", [])
    monkeypatch.setattr(access, "propagate", True)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    set_up_logs()
    assert [type(handler.formatter) for handler in root.handlers] == [RedactingFormatter]
    assert [handler.stream for handler in root.handlers] == [sys.stderr]
    assert [handler.stream for handler in access.handlers] == [sys.stdout]
    assert access.handlers[0].format(access.makeRecord("", logging.INFO, "", 0, "{}", (), None)) == "{}"
    assert not access.propagate
    for verbose in ("httpx", "google_genai", "yoyo"):  # they log the addresses of calls
        assert not logging.getLogger(verbose).isEnabledFor(logging.INFO)
    for name in ("arq.worker", "asyncio", "aiohttp.server", "aiohttp.web"):
        assert logging.getLogger(name).propagate
        assert logging.getLogger(name).handlers == []
    assert not logging.raiseExceptions


def test_the_message_of_pydantic_holds_the_value() -> None:
    with pytest.raises(ValidationError, match=SECRET):
        _fails_validation()
