"""The processes of `bench.quota_history`: started, killed with -9, and started again."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from bench.quota_sessions import Options


@dataclass(frozen=True)
class Plan:
    """How much is done, and how often a process is killed: after about so many operations of all of them."""

    operations: int
    processes: int
    seed: int
    learners: int = 300
    operations_a_kill: int = 10_000
    keep_seconds: float = 4.0


class Fleet:
    """The processes of a run: they are killed, and started again for what they have not done yet."""

    def __init__(self, plan: Plan, database_url: str, folder: Path) -> None:
        self._plan = plan
        self._url = database_url
        self._folder = folder
        self._random = random.Random(plan.seed)
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._files: dict[int, list[Path]] = {slot: [] for slot in range(plan.processes)}
        self._sizes: Counter[Path] = Counter()
        self._lines = 0
        self._origin = time.monotonic()
        self.ends: dict[str, int] = {}
        self.kills = 0

    async def run(self) -> None:
        """Returns when all operations are done and nothing that was sent can take effect any more."""
        for slot in self._files:
            await self._start(slot)
        try:
            while self._running:
                await asyncio.sleep(0.01)
                self._reap()
                is_due = self._operations() >= (self.kills + 1) * self._plan.operations_a_kill
                busy = [slot for slot in self._running if self._sizes[self._files[slot][-1]]]
                if is_due and busy:
                    await self._kill(self._random.choice(busy))
        finally:
            for process in self._running.values():
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    def _reap(self) -> None:
        for slot, process in list(self._running.items()):
            if process.returncode is not None:
                if process.returncode:
                    raise RuntimeError(f"process {slot} ended with {process.returncode}")
                del self._running[slot]

    async def _kill(self, slot: int) -> None:
        """kill -9; it is over once PostgreSQL has finished with the connections of the process."""
        process = self._running.pop(slot)
        if process.returncode is not None:
            return
        process.kill()
        await process.wait()
        self.kills += 1
        name = self._files[slot][-1].stem
        connection = await asyncpg.connect(self._url)
        connected = "select exists (select from pg_stat_activity where application_name = $1)"
        while await connection.fetchval(connected, name):
            await asyncio.sleep(0.005)
        await connection.close()
        self.ends[name] = time.monotonic_ns()
        await self._start(slot)

    async def _start(self, slot: int) -> None:
        files = self._files[slot]
        done = sum(path.read_bytes().count(b',"i",') for path in files)
        left = self._plan.operations // self._plan.processes - done
        if left <= 0:
            return
        file = self._folder / f"history-{slot}-{len(files)}.jsonl"
        files.append(file)
        options = Options(
            url=self._url,
            file=str(file),
            seed=self._random.randrange(2**31),
            operations=left,
            learners=self._plan.learners,
            keep_seconds=self._plan.keep_seconds,
            origin=self._origin,
        )
        command = (sys.executable, "-m", "bench.quota_load", json.dumps(asdict(options)))
        self._running[slot] = await asyncio.create_subprocess_exec(*command)

    def _operations(self) -> int:
        """Returns about how many operations have been recorded, by the lines that were added."""
        for path in (path for files in self._files.values() for path in files[-1:] if path.exists()):
            with path.open("rb") as file:
                file.seek(self._sizes[path])
                added = file.read()
            self._sizes[path] += len(added)
            self._lines += added.count(b"\n")
        return self._lines // 2
