"""How web processes end, and how several of them live together: run at a terminal, as for real."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import psutil
import psycopg
import pytest

from cara.devtools.servers.ports import free_port
from tests.devtools.cli.terminal import Running, assert_all_end, request, running
from tests.servers import Servers
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
def settings(database_url: str, redis_url: str) -> dict[str, str]:
    secret = "the-secret-of-the-tests-32-bytes-long"
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": secret}


@contextmanager
def two_processes(folder: Path, **settings: str) -> Iterator[Running]:
    with running("-m", "cara", "serve", "--workers", "2", folder=folder, **settings) as serve:
        yield serve


def web_processes(serve: Running) -> list[psutil.Process]:
    return [child for child in serve.children() if "spawn_main" in " ".join(child.cmdline())]


def answer(connection: HTTPConnection, path: str) -> tuple[int, Any, str | None]:
    """Status, JSON, and what becomes of the connection."""
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.load(response), response.headers["Connection"]


def test_a_stopping_process_is_not_ready_and_closes_connections_after_their_next_answer(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    port = free_port()
    settings |= {"PORT": str(port), "DRAIN_SECONDS": "600"}
    with running("-m", "cara", "serve", folder=tmp_path, **settings) as serve:
        serve.until("serving on")
        kept, new = (HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS) for _ in range(2))
        assert answer(kept, "/health")[::2] == (200, None)
        serve.process.terminate()
        serve.until("draining for 600 s")
        assert answer(kept, "/ready") == (503, {"ready": False, "missing": ["stopping"]}, "close")
        assert answer(new, "/health")[::2] == (200, "close")
        while is_open(port):
            serve.process.terminate()
            time.sleep(0.1)
        assert serve.process.wait(TIMEOUT_SECONDS) == 0


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_request_in_progress_is_answered_when_the_web_process_stops(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    port = str(free_port())
    with running("-m", "cara", "serve", folder=tmp_path, PORT=port, **settings) as serve:
        serve.until("serving on")
        api = f"http://127.0.0.1:{port}/api"
        account = {"email": "user@example.com", "name": "John Doe", "password": "secure123"}
        token = request(f"{api}/auth/register", account)[1]["accessToken"]
        session = request(f"{api}/sessions", {"featureType": "conversation"}, token)[1]
        asked = {
            "sessionId": session["id"],
            "transcript": "Thank you for having me. I recommend that we hire two people.",
        }
        with ThreadPoolExecutor(1) as pool:
            address = f"{api}/gemini/generate-feedback"
            waiting = pool.submit(request, address, asked, token, {"Prefer": "wait=30"})
            wait_for_a_row(settings["DATABASE_URL"], "feedback_jobs")
            serve.process.terminate()
            status, job = waiting.result(timeout=20)
        assert (status, job["status"]) == (202, "queued")
        assert serve.process.wait(TIMEOUT_SECONDS) == 0


def wait_for_a_row(url: str, table: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(f"select from {table}").fetchone() is None:
            assert time.monotonic() < deadline, f"{table} stays empty"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_web_processes_that_share_a_port_stop_together(
    tmp_path: Path, settings: dict[str, str], number: signal.Signals
) -> None:
    port = free_port()
    with two_processes(tmp_path, PORT=str(port), **settings) as serve:
        serve.until("serving on", times=2)
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=TIMEOUT_SECONDS) as answer:
            assert json.load(answer)["status"] == "ok"
        children = serve.children()
        os.kill(serve.process.pid, number)
        assert serve.process.wait(TIMEOUT_SECONDS) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        assert_all_end(children)


SIGTERM_DURING_A_START = """
import os, signal, sys
from multiprocessing.popen_spawn_posix import Popen
from cara.web_processes import run_many
from cara.settings import read_settings

launch = Popen._launch

def signal_and_launch(self, child):
    os.kill(os.getpid(), signal.SIGTERM)
    launch(self, child)

Popen._launch = signal_and_launch
sys.exit(run_many(read_settings(), 2))
"""


def test_a_web_process_that_was_starting_when_all_had_to_stop_ends_too(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with running("-c", SIGTERM_DURING_A_START, folder=tmp_path, PORT=str(free_port()), **settings) as serve:
        assert serve.process.wait(TIMEOUT_SECONDS) == 0


def two_free_ports() -> int:
    """Returns the first of two neighbors below the ports that this system gives to clients."""
    while True:
        first = random.randrange(20_000, 30_000)
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", first))
            other.bind(("127.0.0.1", first + 1))
            return first


def test_a_web_process_that_dies_is_started_again_with_the_same_metrics_port(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    metrics = two_free_ports()
    settings |= {"PORT": str(free_port()), "METRICS_PORT": str(metrics)}
    with two_processes(tmp_path, **settings) as serve:
        serve.until("serving on", times=2)
        victim, other = web_processes(serve)
        victim.kill()
        serve.until(f"web process {victim.pid} ended with code -9: another starts in 0.5 s")
        serve.until("serving on", times=3)
        assert other.is_running()
        assert sum(f":{metrics}/metrics" in line for line in serve.lines) in (1, 2)
        assert sum(f":{metrics + 1}/metrics" in line for line in serve.lines) in (1, 2)
        assert sum("/metrics" in line for line in serve.lines) == 3
        children = serve.children()
        serve.process.terminate()
        assert serve.process.wait(TIMEOUT_SECONDS) == 0
        assert_all_end(children)


def test_web_processes_that_cannot_even_start_all_end(
    tmp_path: Path, settings: dict[str, str], servers: Servers
) -> None:
    with servers.database(f"behind_{uuid4().hex}", template="template0") as behind:
        settings |= {"PORT": str(free_port()), "DATABASE_URL": behind}
        with two_processes(tmp_path, **settings) as serve:
            assert serve.process.wait(TIMEOUT_SECONDS) == 1
            serve.until("cara serve: the database is behind")
            assert sum("cara serve:" in line for line in serve.lines) == 1
            assert not any("another starts" in line for line in serve.lines)
