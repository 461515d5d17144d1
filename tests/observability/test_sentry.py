"""Reports to Sentry hold no secret and no word of a learner, and leave out expected errors."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from secrets import token_hex
from typing import Any

import aiohttp
import asyncpg
import pytest
import sentry_sdk
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import BaseModel
from sentry_sdk.integrations.logging import unignore_logger

from cara.errors import NotFound
from cara.observability.access_log import AccessLog
from cara.observability.sentry import (
    instrumented,
    report,
    start_sentry,
    stop_sentry,
)
from cara.web.client_info import TrustedProxies
from cara.web.context import SERVICES
from cara.web.problems import answer_problems
from cara.web.request_log import log_requests, tag_reports
from tests.waiting import TIMEOUT_SECONDS

logger = logging.getLogger("cara.tests.telemetry")


class Receiver(ThreadingHTTPServer):
    """A stand-in for Sentry that keeps all bytes it receives. Not aiohttp, because that is instrumented."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EnvelopeHandler)
        self.dsn = f"http://key@127.0.0.1:{self.server_port}/1"
        self.bytes_seen = bytearray()
        self.events: Queue[dict[str, Any]] = Queue()

    async def next_event(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.events.get, timeout=TIMEOUT_SECONDS)


class EnvelopeHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bytes_seen += f"{self.path} {self.headers}".encode() + body
        for line in body.splitlines()[1:]:
            item = json.loads(line)
            if "event_id" in item:
                self.server.events.put(item)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    hook = sys.excepthook
    with Receiver() as receiver:
        serving = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        serving.start()
        yield receiver
        stop_sentry()
        receiver.shutdown()
        serving.join()
    sys.excepthook = hook
    unignore_logger("arq.worker")
    assert not sentry_sdk.is_initialized()


class Prompt(BaseModel):
    prompt: int


def start(receiver: Receiver, role: Any = "web") -> None:
    assert start_sentry(
        dsn=receiver.dsn, environment="test", release="cara@1", role=role, traces_sample_rate=1.0
    )


class Secrets(dict[str, str]):
    """Creates a secret for every new name, so that no source line holds one."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, token_hex(16))

    def found_in(self, data: bytes) -> list[str]:
        return [name for name, secret in self.items() if secret.encode() in data]


def unique_violation(secret: str) -> Exception:
    fields = {"S": "ERROR", "C": "23505", "M": secret, "D": f"Key (email)=({secret})", "n": "users_email_key"}
    error: Exception = asyncpg.PostgresError.new(fields)
    return error


def leaking_app(secrets: Secrets) -> web.Application:
    """An application that leaks the secrets it receives in every possible way."""

    async def call_out(request: web.Request) -> None:
        url = request.url.with_path("/elsewhere").with_query(key=secrets["outgoing query"])
        headers = {"x-goog-api-key": secrets["outgoing header"]}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            await response.read()

    async def leak(request: web.Request) -> web.Response:
        password = (await request.json())["password"]
        await call_out(request)
        logger.info("info %s", secrets["info log"])
        logger.warning("warning %s", secrets["warning log"])
        logger.error("error %s with %s", secrets["error log argument"], request.headers)
        logger.error("error " + secrets["error log text"], extra={"prompt": secrets["log extra"]})
        sentry_sdk.set_tag("transcript", secrets["tag"])
        sentry_sdk.set_user({"email": secrets["user"]})
        sentry_sdk.set_extra("prompt", secrets["extra"])
        sentry_sdk.set_context("prompt", {"text": secrets["context"]})
        sentry_sdk.add_breadcrumb(message=secrets["breadcrumb"])
        try:
            Prompt.model_validate({"prompt": secrets["validated input"]})
        except ValueError as error:
            raise ExceptionGroup(
                secrets["group"], [KeyError(secrets["key"]), unique_violation(secrets["row"])]
            ) from error
        finally:
            del password

    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=[log_requests, tag_reports, answer_problems])
    app[SERVICES] = {TrustedProxies: TrustedProxies(()), AccessLog: AccessLog()}
    app.router.add_post("/leak/{ticket}", leak)
    app.router.add_get("/elsewhere", elsewhere)
    return app


async def post_secrets(app: web.Application, secrets: Secrets) -> None:
    cookies = {"refresh": secrets["cookie"]}
    headers = {
        "Authorization": f"Bearer {secrets['token']}",
        "User-Agent": secrets["agent"],
        "X-Request-Id": "request-0001",
        "sentry-trace": f"{token_hex(16)}-{token_hex(8)}-1",
        "baggage": f"sentry-user={secrets['baggage']}",
    }
    async with TestServer(app) as server, aiohttp.ClientSession(cookies=cookies) as session:
        url = server.make_url(f"/leak/{secrets['path']}").with_query(ticket=secrets["query"])
        async with session.post(url, json={"password": secrets["body"]}, headers=headers) as response:
            assert response.status == 500


async def test_an_error_is_reported_without_any_secret(receiver: Receiver) -> None:
    start(receiver)
    secrets = Secrets()
    await post_secrets(leaking_app(secrets), secrets)
    kinds = [await receiver.next_event() for _ in range(5)]
    await asyncio.to_thread(stop_sentry)

    assert len(secrets) > 20
    assert secrets.found_in(receiver.bytes_seen) == []
    reported = next(event for event in kinds if "exception" in event)
    values = {value["type"]: value["value"] for value in reported["exception"]["values"]}
    assert values["UniqueViolationError"] == "sqlstate 23505, constraint_name users_email_key"
    assert values["ValidationError"] == "1 errors in Prompt"
    assert values["KeyError"] == "(message withheld)"
    assert reported["tags"] == {"role": "web", "request_id": "request-0001"}
    assert reported["transaction"] == "POST /leak/{ticket}"
    assert (reported["release"], reported["environment"]) == ("cara@1", "test")
    frames = reported["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "leak"
    assert "vars" not in frames[-1]


async def test_transactions_are_reported_without_urls(receiver: Receiver) -> None:
    start(receiver)
    secrets = Secrets()
    await post_secrets(leaking_app(secrets), secrets)
    events = [await receiver.next_event() for _ in range(5)]
    transactions = {event["transaction"]: event for event in events if event.get("type") == "transaction"}
    assert set(transactions) == {"GET /elsewhere", "POST /leak/{ticket}"}
    spans = transactions["POST /leak/{ticket}"]["spans"]
    assert [span["op"] for span in spans] == ["http.client"]
    assert "data" not in spans[0]
    assert secrets.found_in(receiver.bytes_seen) == []


async def test_a_failed_job_is_reported_with_its_task_and_id_alone(receiver: Receiver) -> None:
    start(receiver, "worker")
    secrets = Secrets()

    async def job(transcript: str) -> None:
        async with instrumented("write_feedback", "job-1"):
            raise ValueError(transcript)

    with pytest.raises(ValueError, match=secrets["transcript"]):
        await job(secrets["transcript"])
    events = [await receiver.next_event() for _ in range(2)]
    failure, transaction = sorted(events, key=lambda event: event.get("type", ""))
    assert failure["exception"]["values"][0]["type"] == "ValueError"
    assert failure["transaction"] == transaction["transaction"] == "write_feedback"
    assert failure["tags"] == transaction["tags"] == {"role": "worker", "job_id": "job-1"}
    assert secrets.found_in(receiver.bytes_seen) == []


class RetryJob(RuntimeError):
    pass


async def retry_job() -> None:
    async with instrumented("write_feedback", "job-1", expected=(RetryJob,)):
        raise RetryJob


async def cancel_job() -> None:
    async with instrumented("write_feedback", "job-1"):
        raise asyncio.CancelledError


@pytest.mark.parametrize("ordinary", [retry_job, cancel_job])
async def test_retries_and_cancellations_of_a_job_are_not_reported(
    receiver: Receiver, ordinary: Callable[[], Any]
) -> None:
    start(receiver, "worker")
    with suppress(RetryJob, asyncio.CancelledError):
        await ordinary()
    assert (await receiver.next_event())["type"] == "transaction"
    report(RuntimeError())
    assert "exception" in await receiver.next_event()


@pytest.mark.parametrize(
    "error", [NotFound(), web.HTTPNotFound(), asyncio.CancelledError(), ConnectionResetError()]
)
async def test_expected_problems_are_not_reported(receiver: Receiver, error: BaseException) -> None:
    start(receiver)
    report(error)
    report(OSError(5, token_hex(16)))
    event = await receiver.next_event()
    assert [value["type"] for value in event["exception"]["values"]] == ["OSError"]
    assert event["exception"]["values"][0]["value"] == "errno 5"


async def test_an_unretrieved_task_error_is_reported_without_its_message(receiver: Receiver) -> None:
    start(receiver)
    secret = token_hex(16)
    logging.getLogger("asyncio").error("Task exception was never retrieved: %r", ValueError(secret))
    event = await receiver.next_event()
    assert event["logentry"]["message"].startswith("asyncio: ")
    assert secret.encode() not in receiver.bytes_seen


async def test_an_unreachable_receiver_raises_no_error(receiver: Receiver) -> None:
    assert start_sentry(dsn="http://key@127.0.0.1:9/1", environment="test", release="1", role="web")
    report(RuntimeError())
    await asyncio.to_thread(stop_sentry)
    report(RuntimeError())


def test_without_a_dsn_the_sdk_is_not_imported() -> None:
    program = """
import asyncio, sys
from cara.observability import sentry as telemetry
async def job():
    async with telemetry.instrumented("task", "job-1"):
        telemetry.report(ValueError())
for dsn in (None, ""):
    assert not telemetry.start_sentry(dsn=dsn, environment="test", release="1", role="worker")
asyncio.run(job())
telemetry.stop_sentry()
assert "sentry_sdk" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=TIMEOUT_SECONDS)
