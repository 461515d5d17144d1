"""Processor time of all processes of a system: what a job costs, and where."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from bench.system import CLOCK_TICKS, System, cpu_seconds


class Meter:
    """Reads the processor seconds of web processes, workers, emulator, PostgreSQL and Valkey (Linux)."""

    def __init__(self, system: System, postmaster: int, valkey: int) -> None:
        self._system = system
        self._postmaster = postmaster
        self._valkey = valkey

    @classmethod
    async def of(cls, system: System) -> Meter:
        """Asks the servers for their processes; all of them run on this machine."""
        connection = await asyncpg.connect(system.database_url)
        postmaster = _parent(await connection.fetchval("select pg_backend_pid()"))
        await connection.close()
        async with Redis.from_url(system.redis_url) as redis:
            valkey = (await redis.info("server"))["process_id"]
        return cls(system, postmaster, valkey)

    def read(self) -> dict[str, float]:
        """Returns the seconds so far, by process."""
        return {
            "web": sum(one.cpu_seconds() for one in self._system.webs),
            "worker": sum(one.cpu_seconds() for one in self._system.workers),
            "emulator": self._system.emulator.cpu_seconds(),
            "PostgreSQL": _family_seconds(self._postmaster),
            "Valkey": cpu_seconds(self._valkey),
        }


def show_costs(name: str, before: dict[str, float], after: dict[str, float], jobs: int) -> None:
    """Prints the milliseconds of processor time a job."""
    each = {process: 1000 * (after[process] - before[process]) / jobs for process in before}
    parts = "  ".join(f"{process} {value:.2f}" for process, value in each.items())
    print(f"{name:28} CPU ms a job: {sum(each.values()):.1f} = {parts}", flush=True)


def _family_seconds(postmaster: int) -> float:
    """Seconds of the postmaster, of its processes, and of those that have ended."""
    alive = 0.0
    for pid in _children(postmaster):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            alive += cpu_seconds(pid)
    ended = _stat(postmaster)
    return (int(ended[11]) + int(ended[12]) + int(ended[13]) + int(ended[14])) / CLOCK_TICKS + alive


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
