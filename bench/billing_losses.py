"""The losses of `bench.billing`: learners who leave, and processes that are killed while Gemini writes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientError

from bench.billing_rows import PROCESS
from bench.billing_system import PROMPT, STREAM, Cara, Gemini, start_web, texts

MAX_DIFFERENCE = 0.01
WEBS_AT_ONCE = 4


@dataclass(frozen=True)
class Loss:
    """What the calls of one kind cost: as the emulator served them, and as Cara charged them."""

    title: str
    calls: int
    served: int
    charged: int

    @property
    def difference(self) -> float:
        return self.charged / self.served - 1 if self.served else 0.0

    @property
    def is_good(self) -> bool:
        return self.calls > 0 and abs(self.difference) <= MAX_DIFFERENCE

    @property
    def cells(self) -> list[str]:
        a_call = (self.charged - self.served) / max(self.calls, 1)
        figures = (f"{self.calls:,}", f"{self.served:,}", f"{self.charged:,}")
        return [self.title, *figures, f"{self.difference:+.2%}", f"{a_call:+.1f}"]


@dataclass
class Losses:
    """Makes calls of each kind, `calls` of them, and compares the books before and after."""

    cara: Cara
    calls: int
    dice: random.Random
    found: list[Loss] = field(default_factory=list)
    _webs_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WEBS_AT_ONCE))

    @asynccontextmanager
    async def compared(self, title: str, *geminis: Gemini) -> AsyncIterator[list[str]]:
        """Compares what the calls of the block are served with what its learners are charged in the end.

        Yields the group that the block registers its learners in.
        """
        group: list[str] = []
        before = [await gemini.ledger() for gemini in geminis]
        yield group
        after = [await gemini.ledger() for gemini in geminis]
        billed, served = (
            sum(now[name] - then[name] for then, now in zip(before, after, strict=True))
            for name in ("billed", "total_tokens")
        )
        self.found.append(Loss(title, billed, served, await self.cara.charged(group)))

    async def leave(self, gemini: Gemini, first_piece_seconds: float) -> int:
        """Learners leave after the first piece, before the last, and before the first.

        Returns the number of pieces of a whole answer.
        """
        whole = await self._read(await self.cara.learner())
        for title, pieces in (("after the first piece", 1), ("before the last", whole - 1)):
            async with self.compared(f"streams left {title}", gemini) as group:
                await asyncio.gather(*[self._read(each, pieces) for each in await self._learners(group)])
        async with self.compared("streams left before the first piece", gemini) as group:
            early = [self._leave_early(each, first_piece_seconds) for each in await self._learners(group)]
            await asyncio.gather(*early)
        return whole

    async def _learners(self, group: list[str]) -> list[dict[str, str]]:
        return [await self.cara.learner(group) for _ in range(self.calls)]

    async def _read(
        self,
        headers: dict[str, str],
        pieces: int | None = None,
        *,
        url: str = "",
        to: list[str] | None = None,
    ) -> int:
        """Streams an answer into a list, and leaves after so many pieces; returns their number."""
        received = [] if to is None else to
        headers, url = headers | STREAM, f"{url or self.cara.url}{PROCESS}"
        async with self.cara.http.post(url, json={"prompt": PROMPT}, headers=headers) as response:
            async for text in texts(response):
                received.append(text)
                if len(received) == pieces:
                    response.close()
                    break
        return len(received)

    async def _leave_early(self, headers: dict[str, str], first_piece_seconds: float) -> None:
        asking = asyncio.create_task(self._read(headers))
        await asyncio.sleep(self.dice.uniform(0.5, 0.9) * first_piece_seconds)
        asking.cancel()
        await asyncio.wait([asking])

    async def cancel_jobs(self, gemini: Gemini, seconds: float) -> None:
        """Learners cancel their jobs, each at a random moment within `seconds` of the judgement."""
        async with self.compared("jobs cancelled while Gemini writes", gemini) as group:
            cancelling = [self._cancel(number, seconds, group) for number in range(self.calls)]
            await asyncio.gather(*cancelling)

    async def _cancel(self, number: int, seconds: float, group: list[str]) -> None:
        headers = await self.cara.learner(group)
        url = await self.cara.ask_for_feedback(headers, number)
        while (await self.cara.job(url, headers))["stage"] != "asking":
            await asyncio.sleep(0.1)
        await asyncio.sleep(self.dice.uniform(0.3, 0.9) * seconds)
        async with self.cara.http.delete(url, headers=headers) as response:
            assert response.status == 202, await response.text()
        ended = await self.cara.ended_job(url, headers)
        assert ended["status"] == "cancelled", ended

    async def kill_webs(
        self, gemini: Gemini, pieces: int, first_piece_seconds: float, settings: dict[str, str]
    ) -> None:
        """Web processes are killed in the middle of a stream each, after some of its pieces or before any."""
        title = "web processes killed -9 in a stream"
        async with self.compared(title, gemini) as group, asyncio.TaskGroup() as kills:
            for headers in await self._learners(group):
                after = self.dice.randrange(pieces * 9 // 10)
                kills.create_task(self._kill_web(headers, after, first_piece_seconds, settings))

    async def _kill_web(
        self, headers: dict[str, str], after: int, first_piece_seconds: float, settings: dict[str, str]
    ) -> None:
        """Kills a web process in a stream; if the stream ends before that, tries another."""
        while not await self._kill_in_stream(headers, after, first_piece_seconds, settings):
            pass

    async def _kill_in_stream(
        self, headers: dict[str, str], after: int, first_piece_seconds: float, settings: dict[str, str]
    ) -> bool:
        received: list[str] = []
        async with self._webs_at_once:
            web, url = await start_web(self.cara.system, **settings)
            reading = asyncio.create_task(self._read(headers, url=url, to=received))
            while len(received) < after and not reading.done():
                await asyncio.sleep(0.01)
            await asyncio.sleep(self.dice.uniform(0.05, 0.2) if after else first_piece_seconds / 2)
            await web.kill()
            await asyncio.wait([reading])
        return isinstance(reading.exception(), ClientError)


class WorkerKills:
    """Workers are killed in the middle of a judgement each; others finish the jobs.

    Each worker makes one judgement at a time, and has an emulator of its own, which tells when it does.
    """

    def __init__(self, losses: Losses, geminis: list[Gemini], seconds: float) -> None:
        self._losses = losses
        self._cara = losses.cara
        self._geminis = geminis
        self._seconds = seconds
        self._group: list[str] = []
        self._jobs: list[tuple[str, dict[str, str]]] = []

    async def run(self) -> None:
        """Kills as many workers as calls are wanted, then has all jobs finished."""
        title = "workers killed -9, with the calls of those that finished the jobs"
        async with self._losses.compared(title, *self._geminis) as self._group:
            async with asyncio.TaskGroup() as lanes:
                for lane in range(len(self._geminis)):
                    lanes.create_task(self._kill_repeatedly(lane))
            for url, headers in self._jobs:
                ended = await self._cara.ended_job(url, headers)
                assert ended["status"] == "succeeded", ended
        both = next(loss for loss in self._losses.found if loss.title == title)
        finished = await self._finished_tokens()
        self._losses.found.append(
            Loss(
                "workers killed -9, the calls of the dead alone",
                both.calls - len(self._jobs),
                both.served - finished,
                both.charged - finished,
            )
        )

    async def _kill_repeatedly(self, lane: int) -> None:
        """Starts a worker, and kills it within a judgement, again and again; leaves one that lives."""
        gemini = self._geminis[lane]
        settings = {"WORKER_MAX_JOBS": "1", "GEMINI_BASE_URL": gemini.url}
        worker = await self._cara.system.add_worker(**settings)
        for _ in range(lane, self._losses.calls, len(self._geminis)):
            while not await self._is_within_a_judgement(gemini):
                pass
            await worker.kill()
            await worker.start()

    async def _is_within_a_judgement(self, gemini: Gemini) -> bool:
        """Waits for a call, and for a random time; returns whether the call still goes on."""
        while not (begun := await gemini.totals())["in_flight"]:
            await self._keep_workers_busy()
            await asyncio.sleep(0.1)
        await asyncio.sleep(self._losses.dice.uniform(0.1, 0.7) * self._seconds)
        now = await gemini.totals()
        return bool(now["in_flight"]) and now["billed"] == begun["billed"]

    async def _keep_workers_busy(self) -> None:
        """Asks for more feedback if no job waits for a worker."""
        waiting = (
            "select exists (select from feedback_jobs where status = 'queued' or lease_expires_at < now())"
        )
        if not await self._cara.tables.fetchval(waiting):
            headers = await self._cara.learner(self._group)
            self._jobs.append((await self._cara.ask_for_feedback(headers, len(self._jobs)), headers))

    async def _finished_tokens(self) -> int:
        """Returns what the calls cost that finished the jobs: what was told of them is charged."""
        tokens: int = await self._cara.tables.fetchval(
            """
            select sum(tokens_used)::int
            from quota_usage
            join feedback_jobs on feedback_jobs.user_id = quota_usage.user_id
              and reservation_id = quota_usage.id
            where status = 'succeeded' and feedback_jobs.id = any($1::uuid[])
            """,
            [url.rpartition("/")[2] for url, _ in self._jobs],
        )
        return tokens
