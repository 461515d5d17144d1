"""Several processes in one terminal, which start in order and end together.

Each runs under a watchdog, so none outlives this process, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import watchfiles

from cara.devtools.servers.ports import port_opens
from cara.devtools.servers.terminal import Terminal, relay_lines
from cara.devtools.servers.watchdog import watchdog_command

OWN_NAME = "cara"
RELAY_SECONDS = 1.0
WATCH_MILLISECONDS = 250
WATCHDOG_SECONDS = 5.0
"""On top of the grace period, before the watchdog itself is killed."""


@dataclass(frozen=True)
class Process:
    """A command to supervise, ready when it listens on `port`, if any. `environment` is added to ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_seconds: float = 10.0
    host: str = "127.0.0.1"
    port: int | None = None
    ready_seconds: float = 30.0


@dataclass
class Running:
    """A started process: its watchdog, whether it was asked to stop, and whether it has ended."""

    process: Process
    watchdog: asyncio.subprocess.Process
    stopping: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def ask_to_stop(self) -> None:
        """Closes the pipe to the watchdog, which then stops the process."""
        self.stopping = True
        assert self.watchdog.stdin is not None
        self.watchdog.stdin.close()


class Supervisor:
    """Runs processes from `start` until SIGINT, SIGTERM, SIGHUP or the unexpected end of one of them.

    It is an async context manager: on exit all processes are stopped, the last started first. A second signal
    ends their grace periods.
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
            # A cancellation may come from the group. A caller's error is raised as it is, not in a group.
            if isinstance(error, asyncio.CancelledError):
                await self._tasks.__aexit__(kind, error, trace)
            else:
                await self._tasks.__aexit__(None, None, None)

    @property
    def over(self) -> bool:
        """Whether a signal or the end of a process has begun the shutdown."""
        return self._over.is_set()

    def say(self, text: str) -> None:
        """Prints a line of the supervisor's own."""
        self._show(OWN_NAME, text)

    def _show(self, name: str, text: str) -> None:
        try:
            self._terminal.line(name, text)
        except BrokenPipeError:
            self._over.set()  # the reader of our output is gone

    async def start(self, process: Process) -> bool:
        """Starts a process; if it has a port, returns when that accepts connections.

        Returns False when the shutdown has begun: by a signal, by the end of a process, or because this one
        was not ready in time. Then `run_until_stopped` returns at once.
        """
        if self._over.is_set():
            return False
        await self._launch(process)
        if process.port is not None:
            await self._until_ready(process, process.port)
        return not self._over.is_set()

    async def restart(self, names: Collection[str]) -> None:
        """Stops the named processes, the last started first, and starts them again in their order."""
        chosen = [running for name, running in self._running.items() if name in names]
        for running in reversed(chosen):
            await self._stop_one(running)
        for running in chosen:
            if not self._over.is_set():
                await self._launch(running.process)

    def reload_on_change(self, names: Collection[str], folders: Collection[Path]) -> None:
        """From now on, restarts the named processes when a file below the folders changes.

        When such a process ends, the others go on, and it starts again at the next change.
        """
        self._reloaded.update(names)
        self._tasks.create_task(self._reload(names, folders))

    async def run_until_stopped(self) -> int:
        """Waits for a signal or the unexpected end of a process, then stops all; returns the exit code.

        The exit code is 0 after a signal, and otherwise that of the process that ended, or 1 where that is 0.
        """
        await self._over.wait()
        await self.stop()
        return self._exit_code

    async def stop(self) -> None:
        """Stops all processes, the last started first."""
        self._over.set()
        for running in reversed(list(self._running.values())):
            await self._stop_one(running)

    def _on_signal(self, number: signal.Signals) -> None:
        if not self._over.is_set():
            self.say(f"{number.name}: stopping")
            self._over.set()
            return
        for running in self._running.values():
            if running.watchdog.returncode is None:
                running.watchdog.terminate()

    async def _launch(self, process: Process) -> None:
        watchdog = await asyncio.create_subprocess_exec(
            *watchdog_command(process.command, grace_seconds=process.grace_seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **process.environment},
        )
        running = self._running[process.name] = Running(process, watchdog)
        self._tasks.create_task(self._attend(running))
        if self._over.is_set():
            running.ask_to_stop()  # started too late for `stop` to see it

    async def _attend(self, running: Running) -> None:
        """Relays the output of a process until it ends, and acts on an end that was not asked for."""
        name, stdout = running.process.name, running.watchdog.stdout
        assert stdout is not None
        relay = self._tasks.create_task(
            relay_lines(stdout, lambda text: self._show(name, text)), name=f"lines of {name}"
        )
        try:
            code = await running.watchdog.wait()
            # A stray grandchild may keep the pipe open; its later output is not waited for.
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

    async def _until_ready(self, process: Process, port: int) -> None:
        """Returns when the port accepts connections or the shutdown has begun, as it does after a timeout."""
        over = self._tasks.create_task(self._over.wait())
        waiting = self._tasks.create_task(port_opens(port, process.host))
        try:
            done, _ = await asyncio.wait(
                [over, waiting], timeout=process.ready_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if waiting in done:
                waiting.result()
            elif over not in done:
                self._end_all(f"{process.name} was not ready after {process.ready_seconds:g} s", 1)
        finally:
            over.cancel()
            waiting.cancel()

    async def _stop_one(self, running: Running) -> None:
        """Stops a process, and waits until it has ended and its output is relayed."""
        running.ask_to_stop()
        try:
            async with asyncio.timeout(running.process.grace_seconds + WATCHDOG_SECONDS):
                await running.watchdog.wait()
        except TimeoutError:
            running.watchdog.kill()
        await running.ended.wait()

    async def _reload(self, names: Collection[str], folders: Collection[Path]) -> None:
        # The first batch, with or without changes, shows that the kernel watches. Earlier edits may be lost.
        batches = watchfiles.awatch(
            *folders, stop_event=self._over, rust_timeout=WATCH_MILLISECONDS, yield_on_timeout=True
        )
        watching = False
        async for changes in batches:
            if not watching:
                watching = True
                self.say(f"watching {', '.join(map(str, folders))}")
            if changes:
                files = ", ".join(sorted({Path(path).name for _, path in changes}))
                self.say(f"{files} changed: restarting {', '.join(names)}")
                await self.restart(names)
