"""Runs the web application: in one process, or in several that share a port."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from aiohttp import web

from cara.app import create_app
from cara.observability.logging import set_up_logs
from cara.observability.metrics import PortUnusable, serve_metrics, translate_bind_errors
from cara.postgres.errors import DatabaseAway
from cara.postgres.migrations import DatabaseBehind
from cara.settings import Settings

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75.0
SWITCH_SECONDS = 0.0002
"""How long a thread that reads a large body may hold the interpreter lock while the event loop waits for it.
The loop needs it again after every system call: Python's own 5 ms would add up to 100 ms in one request."""

CANNOT_SERVE = 1


class CannotServe(Exception):
    """The web process cannot start; the message says why in one line."""


async def serve(settings: Settings, *, reuse_port: bool = False) -> None:
    """Serves until SIGTERM, SIGINT or the end of the parent process; then lets requests and streams end.

    Raises:
        CannotServe: the database cannot be reached, or lacks migrations.
        PortUnusable: the port is taken.
    """
    stop = _stop_event()
    runner = web.AppRunner(
        create_app(settings),
        handler_cancellation=True,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    try:
        await _start(runner, settings, reuse_port=reuse_port)
        async with serve_metrics(settings.host, settings.metrics_port):
            addresses = ("{}:{}".format(*address[:2]) for address in runner.addresses)
            logger.info("serving on %s", ", ".join(addresses))
            await stop.wait()
    finally:
        await runner.cleanup()


def _stop_event() -> asyncio.Event:
    """Returns an event that is set by SIGTERM, by SIGINT, and by the end of the parent process."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent := multiprocessing.parent_process():
        loop.add_reader(parent.sentinel, stop.set)
    return stop


async def _start(runner: web.AppRunner, settings: Settings, *, reuse_port: bool) -> None:
    try:
        await runner.setup()
    except DatabaseBehind as error:
        raise CannotServe(str(error)) from None
    except DatabaseAway as error:
        raise CannotServe(f"the database cannot be used: {error.__cause__}") from None
    with translate_bind_errors(settings.host, settings.port):
        await web.TCPSite(runner, settings.host, settings.port, reuse_port=reuse_port or None).start()


def run_one(settings: Settings, *, reuse_port: bool = False) -> None:
    """Runs one web process until it is stopped; exits with `CANNOT_SERVE` if it cannot start."""
    set_up_logs()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        asyncio.run(serve(settings, reuse_port=reuse_port))
    except (CannotServe, PortUnusable) as error:
        sys.stderr.write(f"cara serve: {error}\n")
        sys.exit(CANNOT_SERVE)


def run_many(settings: Settings, processes: int) -> int:
    """Runs several web processes on one port (SO_REUSEPORT); when one ends, all do. Returns the exit code.

    They end in the same orderly way when this process is killed. Each serves its metrics on a port of its
    own, counted from METRICS_PORT.
    """
    context = multiprocessing.get_context("spawn")
    children = [
        context.Process(
            target=run_one,
            args=(_with_metrics_port(settings, number),),
            kwargs={"reuse_port": True},
            daemon=True,
        )
        for number in range(processes)
    ]
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            if child.pid and child.is_alive():
                child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for child in children:
        if not stopping:
            child.start()
    if stopping:
        stop()  # For a child that was being started when the signal came: it had no process id yet.
    return _wait_for_all([child for child in children if child.pid])


def _with_metrics_port(settings: Settings, number: int) -> Settings:
    if not settings.metrics_port:
        return settings
    return settings.model_copy(update={"metrics_port": settings.metrics_port + number})


def _wait_for_all(children: Sequence[BaseProcess]) -> int:
    """Waits until one child ends, then ends all. Returns the worst exit code, as a shell reports it."""
    if children:
        wait([child.sentinel for child in children])
    for child in children:
        child.terminate()
    for child in children:
        child.join()
    # SIGTERM may reach a child that has ended in order already: that is not a failure.
    codes = [child.exitcode or 0 for child in children if child.exitcode != -signal.SIGTERM]
    return max((code if code >= 0 else 128 - code for code in codes), default=0)
