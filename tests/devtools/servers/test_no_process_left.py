"""However the parent ends, no process of the local servers is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import cara
from cara.devtools.servers.embedded import embedded_postgres_server, embedded_valkey
from tests.waiting import TIMEOUT_SECONDS

PROGRAM = """
import asyncio, sys
from pathlib import Path
from cara.devtools.servers.embedded import embedded_postgres_server, embedded_valkey
from cara.devtools.servers.supervisor import Process, Supervisor

async def supervise():
    async with Supervisor() as supervisor:
        await supervisor.start(Process("child", ["sh", "-c", "echo all here; exec sleep 600"]))
        return await supervisor.run_until_stopped()

folder = Path(sys.argv[1])
with embedded_postgres_server(folder), embedded_valkey(folder):
    sys.exit(asyncio.run(supervise()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("killed")


@pytest.fixture
def program(folder):
    """A process with both servers and a supervised child, all of them up."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(cara.__file__).parents[1],
    )
    try:
        assert "all here" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_SECONDS)


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    names = {member.name() for member in children}
    assert {"postgres", "valkey-server"} <= names
    return children


def test_kill_9_of_the_parent_leaves_no_process_and_the_folder_can_be_used_at_once(
    program, folder, assert_all_end
):
    children = children_of(program)
    program.kill()
    program.wait(TIMEOUT_SECONDS)
    with embedded_postgres_server(folder), embedded_valkey(folder):
        assert_all_end(children)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_process_and_ends_with_0(program, number, assert_all_end):
    children = children_of(program)
    os.killpg(program.pid, number)
    assert program.wait(TIMEOUT_SECONDS) == 0
    assert_all_end(children)


def test_kill_9_of_every_watchdog_leaves_no_process(program, assert_all_end):
    children = children_of(program)
    for member in psutil.Process(program.pid).children():
        member.kill()
    assert_all_end(children)
