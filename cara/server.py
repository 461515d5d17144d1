"""Runs one web process: from its start to an end at which no request is lost."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import signal
import sys
from contextlib import suppress
from multiprocessing.synchronize import Semaphore

from aiohttp import web

from cara import event_loop
from cara.app import create_app
from cara.observability.logging import set_up_logs
from cara.observability.metrics import PortUnusable, serve_metrics, translate_bind_errors
from cara.postgres.applied_migrations import DatabaseBehind
from cara.postgres.errors import DatabaseTrouble
from cara.settings import Settings, UnsafeSettings
from cara.web.connections import ConnectionLimits, listen
from cara.web.context import service
from cara.web.draining import Draining
from cara.web.listening import stop_listening

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75.0
SWITCH_SECONDS = 0.0002
"""How long a thread that reads a large body may hold the interpreter lock while the event loop waits for it.
The loop needs it again after every system call: Python's own 5 ms would add up to 100 ms in one request."""

HURRY_AFTER_SECONDS = 1.0
"""systemd and terminals signal parent and children, and the parent signals its children, too: one wish."""

CANNOT_SERVE = 1


class CannotServe(Exception):
    """The web process cannot start; the message says why in one line."""


class Stop:
    """SIGTERM, SIGINT and the end of the parent process: the first begins the end, a later one hurries it."""

    def __init__(self) -> None:
        self.wanted, self.hurried = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._since = 0.0
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled)
        if parent := multiprocessing.parent_process():
            self._loop.add_reader(parent.sentinel, self._orphaned, parent.sentinel)

    def _signalled(self) -> None:
        if not self.wanted.is_set():
            self._since = self._loop.time()
            self.wanted.set()
        elif self._loop.time() - self._since >= HURRY_AFTER_SECONDS:
            self.hurried.set()

    def _orphaned(self, sentinel: int) -> None:
        self._loop.remove_reader(sentinel)
        self._signalled()


async def serve(settings: Settings, *, reuse_port: bool = False) -> None:
    """Serves until SIGTERM, SIGINT or the end of the parent process; then drains, and lets requests end.

    Not ready first, and `Connection: close` on each answer for the length of the drain; then the port is
    closed; then running requests and streams get up to twice `SHUTDOWN_SECONDS`. A second signal skips what
    is left of the drain.

    Raises:
        CannotServe: the database cannot be reached, or lacks migrations.
        PortUnusable: the port is taken, or the host is not known.
        UnsafeSettings: this machine cannot hash passwords at the cost of the settings.
    """
    stop = Stop()
    runner = web.AppRunner(
        create_app(settings),
        handler_cancellation=True,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    try:
        await _set_up(runner)
        gc.freeze()  # what has been made by now stays: no collection need look at it
        listener = await _listen(runner, settings, reuse_port=reuse_port)
        async with serve_metrics(settings.metrics_host, settings.metrics_port):
            addresses = ("{}:{}".format(*socket.getsockname()[:2]) for socket in listener.sockets)
            settings.warn_of_default_environment()
            logger.info("serving on %s", ", ".join(addresses))
            await stop.wanted.wait()
            await _drain(runner, listener, settings.seconds_to_drain, stop)
    finally:
        await runner.cleanup()


async def _set_up(runner: web.AppRunner) -> None:
    try:
        await runner.setup()
    except DatabaseBehind as error:
        raise CannotServe(str(error)) from None
    except DatabaseTrouble as error:
        raise CannotServe(f"the database cannot be used: {error.__cause__}") from None


async def _listen(runner: web.AppRunner, settings: Settings, *, reuse_port: bool) -> asyncio.Server:
    assert runner.server is not None
    with translate_bind_errors(settings.host, settings.port):
        limits = ConnectionLimits.of(settings)
        return await listen(runner.server, settings.host, settings.port, limits, reuse_port=reuse_port)


async def _drain(runner: web.AppRunner, listener: asyncio.Server, seconds: float, stop: Stop) -> None:
    """Answers on for a while, each answer the last of its connection; then closes the port."""
    service(runner.app, Draining).begin()
    logger.info("not ready any more; draining for %g s", seconds)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.hurried.wait()
    assert runner.server is not None
    await stop_listening(listener, runner.server)


def run_one(settings: Settings, *, reuse_port: bool = False, speaker: Semaphore | None = None) -> None:
    """Runs one web process until it is stopped; exits with `CANNOT_SERVE` if it cannot start.

    Of several processes with one `speaker`, only the first that cannot start says why.
    """
    set_up_logs()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        event_loop.run(serve(settings, reuse_port=reuse_port))
    except (CannotServe, PortUnusable, UnsafeSettings) as error:
        if speaker is None or speaker.acquire(block=False):
            sys.stderr.write(f"cara serve: {error}\n")
        sys.exit(CANNOT_SERVE)
