"""Several processes in one terminal, which start in order, and end together.

Each runs under a leash, so none outlives this process, however it ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import watchfiles

from cara.devtools.servers.terminal import Terminal, relay_lines
from cara.devtools.servers.watchdog import leash_command

OWN_NAME = "cara"
RELAY_SECONDS = 1.0
WATCH_MILLISECONDS = 250
LEASH_SECONDS = 5.0
"""What a leash gets on top of its grace before it is killed itself."""


@dataclass(frozen=True)
class Process:
    """A command to supervise; `environment` is added to ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_seconds: float = 10.0


@dataclass
class Running:
    """A process that was started: its leash, whether its end is wanted, and whether it has come."""

    process: Process
    leash: asyncio.subprocess.Process
    stopping: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def ask_to_stop(self) -> None:
        self.stopping = True
        assert self.leash.stdin is not None
        self.leash.stdin.close()


class Supervisor:
    """Runs processes from `start` until SIGINT, SIGTERM, SIGHUP or the unexpected end of one of them.

    Use it as an async context: on leaving, whatever runs is stopped, the last started first. A second
    signal cuts the graces short.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._terminal = Terminal(stream or sys.stdout)
        self._running: dict[str, Running] = {}
        self._reloaded: set[str] = set()
        self._over = asyncio.Event()
        self._exit_code = 0
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().remove_signal_handler(number)
            # A cancellation may be the group's own. A caller's error goes on as it is, not in a group.
            if isinstance(error, asyncio.CancelledError):
                await self._tasks.__aexit__(kind, error, trace)
            else:
                await self._tasks.__aexit__(None, None, None)

    @property
    def over(self) -> bool:
        """Whether a signal, or the end of a process, has begun the end of all."""
        return self._over.is_set()

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._show(OWN_NAME, text)

    def _show(self, name: str, text: str) -> None:
        try:
            self._terminal.line(name, text)
        except BrokenPipeError:
            self._over.set()  # nobody reads us any more

    async def start(
        self,
        process: Process,
        *,
        ready: Callable[[], Awaitable[None]] | None = None,
        patience_seconds: float = 30.0,
    ) -> bool:
        """Start a process; with `ready`, return when that returns.

        False when all is over instead: a signal has come, a process has ended, or this one was not ready
        in time. Then `run_until_stopped` returns at once.
        """
        if self._over.is_set():
            return False
        await self._launch(process)
        if ready is not None:
            await self._until_ready(process, ready, patience_seconds)
        return not self._over.is_set()

    async def restart(self, names: Collection[str]) -> None:
        """Stop the named processes, the last started first, and start them again in their order."""
        chosen = [running for name, running in self._running.items() if name in names]
        for running in reversed(chosen):
            await self._stop_one(running)
        for running in chosen:
            if not self._over.is_set():
                await self._launch(running.process)

    def reload_on_change(self, names: Collection[str], folders: Collection[Path]) -> None:
        """From now on restart the named processes when a file under the folders changes.

        The end of such a process is no longer the end of all: it waits for the next change.
        """
        self._reloaded.update(names)
        self._tasks.create_task(self._reload(names, folders))

    async def run_until_stopped(self) -> int:
        """Wait until a signal or the unexpected end of a process, stop all, and return the exit code.

        It is 0 after a signal; else that of the process that ended, and never 0.
        """
        await self._over.wait()
        await self.stop()
        return self._exit_code

    async def stop(self) -> None:
        """Stop all processes, the last started first."""
        self._over.set()
        for running in reversed(list(self._running.values())):
            await self._stop_one(running)

    def _on_signal(self, number: signal.Signals) -> None:
        if not self._over.is_set():
            self.say(f"{number.name}: stopping")
            self._over.set()
            return
        for running in self._running.values():
            if running.leash.returncode is None:
                running.leash.terminate()

    async def _launch(self, process: Process) -> None:
        leash = await asyncio.create_subprocess_exec(
            *leash_command(process.command, grace_seconds=process.grace_seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **process.environment},
        )
        running = self._running[process.name] = Running(process, leash)
        self._tasks.create_task(self._attend(running))
        if self._over.is_set():
            running.ask_to_stop()  # it came too late for `stop` to see it

    async def _attend(self, running: Running) -> None:
        """Relay the lines of a process until its end, and act on that when nobody has asked for it."""
        name, stdout = running.process.name, running.leash.stdout
        assert stdout is not None
        relay = self._tasks.create_task(
            relay_lines(stdout, lambda text: self._show(name, text)), name=f"lines of {name}"
        )
        try:
            code = await running.leash.wait()
            # A stray grandchild may hold the pipe open: what it has to say later is not waited for.
            await asyncio.wait([relay], timeout=RELAY_SECONDS)
        finally:
            relay.cancel()
            running.ended.set()
        if not running.stopping and not self._over.is_set():
            self._on_unexpected_end(running.process, code if code >= 0 else 128 - code)

    def _on_unexpected_end(self, process: Process, code: int) -> None:
        how = f"by {signal.Signals(code - 128).name}" if 128 < code <= 128 + 31 else f"with code {code}"
        if process.name in self._reloaded:
            self.say(f"{process.name} ended {how}; it starts again at the next change")
        else:
            self._end_all(f"{process.name} ended unexpectedly {how}: stopping everything", code or 1)

    def _end_all(self, reason: str, exit_code: int) -> None:
        self.say(reason)
        self._exit_code = exit_code
        self._over.set()

    async def _until_ready(
        self, process: Process, ready: Callable[[], Awaitable[None]], patience_seconds: float
    ) -> None:
        """Return when the process is ready or all is over, which it is when patience ends."""
        over = self._tasks.create_task(self._over.wait())
        waiting = asyncio.ensure_future(ready())
        try:
            done, _ = await asyncio.wait(
                [over, waiting], timeout=patience_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if waiting in done:
                waiting.result()
            elif over not in done:
                self._end_all(f"{process.name} was not ready after {patience_seconds:g} s", 1)
        finally:
            over.cancel()
            waiting.cancel()

    async def _stop_one(self, running: Running) -> None:
        """Ask the leash to stop its process, and wait until that has ended and its lines are relayed."""
        running.ask_to_stop()
        try:
            async with asyncio.timeout(running.process.grace_seconds + LEASH_SECONDS):
                await running.leash.wait()
        except TimeoutError:
            running.leash.kill()
        await running.ended.wait()

    async def _reload(self, names: Collection[str], folders: Collection[Path]) -> None:
        # The first answer, changes or not, is the sign that the kernel watches: earlier edits may go unseen.
        changes_or_not = watchfiles.awatch(
            *folders, stop_event=self._over, rust_timeout=WATCH_MILLISECONDS, yield_on_timeout=True
        )
        watching = False
        async for changes in changes_or_not:
            if not watching:
                watching = True
                self.say(f"watching {', '.join(map(str, folders))}")
            if changes:
                files = ", ".join(sorted({Path(path).name for _, path in changes}))
                self.say(f"{files} changed: restarting {', '.join(names)}")
                await self.restart(names)
