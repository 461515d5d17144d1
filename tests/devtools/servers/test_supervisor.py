"""The supervisor: start and end of several processes, their output, and reloading."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal

import pytest

from cara.devtools.servers.ports import free_port
from cara.devtools.servers.supervisor import Process, Supervisor
from tests.waiting import TIMEOUT_SECONDS

RUNS_ON = "while :; do sleep 0.05; done"
"""Not `sleep 600 & wait`: a signal just before `wait` is handled only when that ends."""

SAYS_UP_AND_BYE = f'trap "echo bye; exit 0" TERM; echo up; {RUNS_ON}'


class Screen(io.StringIO):
    """A terminal on which a test can wait for lines."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def write(self, text: str) -> int:
        self._changed.set()
        return super().write(text)

    async def shows(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.getvalue().count(text) < times:
                self._changed.clear()
                await self._changed.wait()


class ColorScreen(Screen):
    def isatty(self) -> bool:
        return True


@pytest.fixture
async def screen():
    return Screen()


def shell(name: str, script: str, **options) -> Process:
    return Process(name, ["sh", "-c", script], **options)


async def test_each_line_begins_with_the_name_of_its_process(screen):
    async with Supervisor(screen) as supervisor:
        await supervisor.start(shell("web", "echo $GREETING; sleep 600", environment={"GREETING": "hello"}))
        await supervisor.start(
            shell(
                "worker",
                'trap "printf unfinished; exit" TERM; echo warning >&2; while :; do sleep 0.05; done',
            )
        )
        await screen.shows("web      | hello\n")
        await screen.shows("worker   | warning\n")
    assert "worker   | unfinished\n" in screen.getvalue()


async def test_names_are_colored_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = ColorScreen()
    async with Supervisor(screen) as supervisor:
        await supervisor.start(shell("web", SAYS_UP_AND_BYE))
        await screen.shows("\x1b[36mweb      |\x1b[0m up\n")


async def test_a_line_without_end_is_cut_and_none_of_it_lost(screen):
    async with Supervisor(screen) as supervisor:
        await supervisor.start(shell("web", "head -c 300000 /dev/zero | tr '\\0' x; echo; sleep 600"))
        await screen.shows("x\n", times=2)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while screen.getvalue().count("x") < 300000:
                await screen.shows("x\n", times=screen.getvalue().count("x\n") + 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_all_processes_in_reverse_order_and_ends_with_0(screen, number):
    async with Supervisor(screen) as supervisor:
        for name in ("web", "worker", "emulator"):
            await supervisor.start(shell(name, SAYS_UP_AND_BYE))
        await screen.shows("| up", times=3)
        os.kill(os.getpid(), number)
        assert await supervisor.run_until_stopped() == 0
    assert re.findall(r"(\w+) +\| bye", screen.getvalue()) == ["emulator", "worker", "web"]


async def test_a_second_signal_ends_the_grace_period(screen):
    ignoring = shell("web", 'trap "echo no" TERM; echo up; while :; do sleep 0.05; done', grace_seconds=600)
    async with Supervisor(screen) as supervisor:
        await supervisor.start(ignoring)
        await screen.shows("| up")
        os.kill(os.getpid(), signal.SIGTERM)
        stopped = asyncio.create_task(supervisor.run_until_stopped())
        await screen.shows("| no")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await stopped == 0


@pytest.mark.parametrize(
    ("script", "how", "code"),
    [("exit 5", "with code 5", 5), ("exit 0", "with code 0", 1), ("kill -KILL $$", "by SIGKILL", 137)],
)
async def test_an_unexpected_end_stops_the_other_processes_and_is_reported(screen, script, how, code):
    async with Supervisor(screen) as supervisor:
        await supervisor.start(shell("web", SAYS_UP_AND_BYE))
        await screen.shows("| up")
        await supervisor.start(shell("worker", script))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await supervisor.run_until_stopped() == code
    assert f"worker ended unexpectedly {how}: stopping everything" in screen.getvalue()
    assert "web      | bye" in screen.getvalue()


async def test_a_start_waits_until_the_process_is_ready(screen):
    port = free_port()
    serve = Process("web", ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)], port=port)
    async with Supervisor(screen) as supervisor:
        assert await supervisor.start(serve)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


async def test_a_process_that_dies_before_it_is_ready_stops_everything(screen):
    async with Supervisor(screen) as supervisor:
        assert not await supervisor.start(shell("web", "exit 2", port=free_port()))
        assert not await supervisor.start(shell("worker", "echo never"))
        assert await supervisor.run_until_stopped() == 2
    assert "never" not in screen.getvalue()


async def test_a_process_that_is_never_ready_stops_everything(screen):
    async with Supervisor(screen) as supervisor:
        web = shell("web", SAYS_UP_AND_BYE, port=free_port(), ready_seconds=0.05)
        assert not await supervisor.start(web)
        assert await supervisor.run_until_stopped() == 1
    assert "web was not ready after 0.05 s" in screen.getvalue()


async def test_a_change_restarts_the_named_processes_also_after_they_failed(screen, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    script = f"cat {tmp_path}/source/code.txt || exit 1; {SAYS_UP_AND_BYE}"
    async with Supervisor(screen) as supervisor:
        await supervisor.start(shell("emulator", SAYS_UP_AND_BYE))
        supervisor.reload_on_change(["web"], [source])
        await supervisor.start(shell("web", script))
        await screen.shows("it starts again at the next change")
        await screen.shows("watching")
        (source / "code.txt").write_text("first\n")
        await screen.shows("web      | first")
        await screen.shows("web      | up")
        (source / "code.txt").write_text("second\n")
        await screen.shows("web      | second")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await supervisor.run_until_stopped() == 0
    assert "emulator | bye" in screen.getvalue()
    assert screen.getvalue().count("emulator | up") == 1


async def test_when_the_reader_of_the_output_is_gone_everything_stops():
    class ClosedScreen(Screen):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    async with Supervisor(ClosedScreen()) as supervisor, asyncio.timeout(TIMEOUT_SECONDS):
        await supervisor.start(shell("web", SAYS_UP_AND_BYE))
        assert await supervisor.run_until_stopped() == 0


async def test_an_error_while_supervising_still_stops_everything(screen):
    async def supervise() -> None:
        async with Supervisor(screen) as supervisor:
            await supervisor.start(shell("web", SAYS_UP_AND_BYE))
            await screen.shows("| up")
            raise ValueError("an error of the caller")

    with pytest.raises(ValueError, match="an error of the caller"):
        await supervise()
    assert "web      | bye" in screen.getvalue()
