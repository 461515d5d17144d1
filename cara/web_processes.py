"""Several web processes that share a port (SO_REUSEPORT): started together, started again, ended together."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Semaphore

from cara.observability.logging import set_up_logs
from cara.server import CANNOT_SERVE, run_one
from cara.settings import Settings

logger = logging.getLogger(__name__)

SPAWN = multiprocessing.get_context("spawn")

STABLE_SECONDS = 10.0
"""A process that ends sooner is started again after a pause, which doubles each time it does so."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0


def run_many(settings: Settings, processes: int) -> int:
    """Runs several web processes until SIGTERM or SIGINT. Returns the exit code, as a shell reports it.

    One that dies is started again; if one cannot even start at the beginning, all end. They also end in the
    same orderly way when this process is killed. Each serves its metrics on a port of its own, counted from
    METRICS_PORT.
    """
    set_up_logs()
    fleet = WebProcesses(settings, processes)
    signal.signal(signal.SIGTERM, fleet.stop)
    signal.signal(signal.SIGINT, fleet.stop)
    return fleet.run()


class WebProcess:
    """One of the processes, whichever process is it at the moment."""

    def __init__(self, settings: Settings, speaker: Semaphore) -> None:
        self._settings = settings
        self._speaker = speaker
        self._started_at = 0.0
        self._short_lives = 0
        self.process: BaseProcess | None = None
        self.due_at = 0.0
        self.restarts = 0

    @property
    def is_due(self) -> bool:
        """Whether it is to be started now."""
        return self.process is None and self.due_at <= time.monotonic()

    def start(self) -> None:
        """Starts it under `spawn`: it inherits nothing."""
        options = {"reuse_port": True, "speaker": None if self.restarts else self._speaker}
        process = SPAWN.Process(target=run_one, args=(self._settings,), kwargs=options, daemon=True)
        process.start()
        self.process, self._started_at = process, time.monotonic()

    def plan_restart(self) -> float:
        """Notes that it has ended; returns the seconds until it is due again."""
        lived = time.monotonic() - self._started_at
        self._short_lives = 0 if lived >= STABLE_SECONDS else self._short_lives + 1
        pause = FIRST_PAUSE_SECONDS * 2 ** (self._short_lives - 1) if self._short_lives else 0.0
        pause = min(pause, LONGEST_PAUSE_SECONDS)
        self.process, self.due_at = None, time.monotonic() + pause
        self.restarts += 1
        return pause


class WebProcesses:
    """All of them; `stop` is a signal handler."""

    def __init__(self, settings: Settings, count: int) -> None:
        speaker = SPAWN.Semaphore(1)
        self._all = [WebProcess(_with_metrics_port(settings, number), speaker) for number in range(count)]
        self._stopping = False
        self._woken, self._wake = multiprocessing.Pipe(duplex=False)

    def stop(self, *_: object) -> None:
        """Asks all of them to end, and starts no more."""
        self._stopping = True
        for process in self._running():
            process.terminate()
        self._wake.send_bytes(b"stop")

    def run(self) -> int:
        """Runs them until `stop`. Returns the worst exit code of those that ran to the end."""
        while not self._stopping:
            self._start_due()
            self._wait()
            self._look_after_ended()
        return self._join()

    def _running(self) -> Iterator[BaseProcess]:
        return (one.process for one in self._all if one.process)

    def _start_due(self) -> None:
        for one in self._all:
            if one.is_due and not self._stopping:
                one.start()
        if self._stopping:
            self.stop()  # For one that was being started when the signal came: it had no process id yet.

    def _wait(self) -> None:
        """Waits until a process ends, one is due, or `stop` is called."""
        due = [one.due_at for one in self._all if not one.process]
        seconds = max(min(due) - time.monotonic(), 0) if due else None
        wait([self._woken, *(process.sentinel for process in self._running())], seconds)

    def _look_after_ended(self) -> None:
        """Plans to start again what has ended; ends all if one could not start at the beginning."""
        for one in self._all:
            if self._stopping or one.process is None or one.process.is_alive():
                continue
            code, pid = one.process.exitcode, one.process.pid
            if code == CANNOT_SERVE and not one.restarts:
                self.stop()
                continue
            pause = one.plan_restart()
            logger.warning("web process %s ended with code %s: another starts in %g s", pid, code, pause)

    def _join(self) -> int:
        for process in self._running():
            process.join()
        # SIGTERM may reach a process that has ended in order already: that is not a failure.
        codes = [process.exitcode or 0 for process in self._running()]
        return max((_shell_code(code) for code in codes if code != -signal.SIGTERM), default=0)


def _shell_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _with_metrics_port(settings: Settings, number: int) -> Settings:
    if not settings.metrics_port:
        return settings
    return settings.model_copy(update={"metrics_port": settings.metrics_port + number})
