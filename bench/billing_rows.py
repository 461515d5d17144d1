"""The rows of `bench.billing`: each way in which Gemini deviates, and what it costs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from bench.billing_system import PROMPT, STREAM, Cara, Gemini, texts
from cara.devtools.emulator.faults import Deviation, Fault, Switch, WireDeviation

PROCESS = "/api/gemini/process"
MAX_BILLED_CALLS = 2
ALL_BUT_LAST = -1


@dataclass(frozen=True)
class Row:
    """One case: what Gemini does, how it is asked, and what should come of it.

    `how` is `job`, `whole`, `streamed`, or `left`. `times` limits the switch to so many calls; None is all.
    `pieces` is how many a learner reads who leaves.
    """

    switch: Switch | None
    how: str = "job"
    expected: str = "succeeded"
    times: int | None = None
    jobs: int = 1
    pieces: int = 0

    @property
    def title(self) -> str:
        if self.how == "left":
            return {0: "before the first piece", 1: "after the first piece"}.get(
                self.pieces, "before the last"
            )
        name = str(self.switch).replace("_", " ")
        often = "" if self.times is None else f", {self.times} time{'s' * (self.times > 1)}"
        return f"{name}{often}{', two jobs' * (self.jobs > 1)}"


@dataclass(frozen=True)
class Result:
    """What came of a row. `attempts` counts requests to generate that reached Gemini, refused ones too."""

    row: Row
    status: str
    attempts: int
    billed_calls: int
    served: int
    charged: int

    @property
    def is_good(self) -> bool:
        most = MAX_BILLED_CALLS * self.row.jobs
        return self.status == self.row.expected and self.billed_calls <= most

    @property
    def cells(self) -> list[str]:
        figures = (self.attempts, self.billed_calls, self.served, self.charged)
        verdict = "" if self.is_good else f"expected {self.row.expected}"
        return [self.row.title, self.row.how, self.status, *(f"{figure:,}" for figure in figures), verdict]


def schema_rows() -> list[Row]:
    """What a worker process remembers: each of these needs a new one."""
    return [Row(fault, jobs=2) for fault in (Fault.SCHEMA_REFUSED, Fault.ANY_SCHEMA_REFUSED)]


def rows() -> list[Row]:
    """All other rows."""
    cut_off = (Fault.OUT_OF_ROOM, Fault.ONLY_THOUGHTS, Fault.RECITATION)
    unbilled = (Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.STALL)
    refusals = {
        Fault.OUT_OF_ROOM: "answered",
        Fault.ONLY_THOUGHTS: "gemini_bad_answer",
        Fault.RECITATION: "gemini_recitation",
        Fault.LANGUAGE: "language_unsupported",
    }
    return [
        *(Row(deviation) for deviation in Deviation),
        *(Row(fault, times=1) for fault in cut_off),
        *(Row(fault, expected="failed") for fault in (*cut_off, Fault.LANGUAGE)),
        *(Row(fault, how, refusals[fault]) for fault in refusals for how in ("whole", "streamed")),
        *(Row(deviation) for deviation in WireDeviation),
        *(Row(deviation, how, "answered") for deviation in WireDeviation for how in ("whole", "streamed")),
        *(Row(None, "left", "left", pieces=pieces) for pieces in (1, 0, ALL_BUT_LAST)),
        *(Row(fault, "streamed", _unbilled_code(fault)) for fault in unbilled),
    ]


def _unbilled_code(fault: Fault) -> str:
    return "gemini_timed_out" if fault is Fault.STALL else "gemini_unavailable"


class Rows:
    """Runs rows one after the other, against an emulator that nobody else calls meanwhile."""

    def __init__(self, cara: Cara, gemini: Gemini) -> None:
        self._cara = cara
        self._gemini = gemini
        self._headers: dict[str, str] = {}

    async def run(self, row: Row) -> Result:
        self._headers = self._headers or await self._cara.learner()
        await self._gemini.clear()
        row, before = await self._with_pieces(row), await self._books()
        await self._plan(row)
        status = await {"job": self._jobs, "left": self._leave}.get(row.how, self._ask)(row)
        grown = [after - earlier for earlier, after in zip(before, await self._books(), strict=True)]
        return Result(row, status, *grown)

    async def _books(self) -> tuple[int, ...]:
        ledger = await self._gemini.ledger()
        return (ledger["calls"], ledger["billed"], ledger["total_tokens"], await self._cara.charged())

    async def _plan(self, row: Row) -> None:
        if row.how == "left":
            await self._gemini.plan(fault=Fault.STALL_MIDSTREAM, afterChunks=row.pieces, times=1)
        elif row.switch is not None:
            often: dict[str, Any] = {"rate": 1.0} if row.times is None else {"times": row.times}
            await self._gemini.plan(fault=row.switch, **often)

    async def _with_pieces(self, row: Row) -> Row:
        """Counts the pieces of an answer for who leaves before the last."""
        if row.pieces != ALL_BUT_LAST:
            return row
        async with self._open_stream() as response:
            count = len([text async for text in texts(response)])
        return replace(row, pieces=count - 1)

    def _open_stream(self) -> Any:
        url, headers = f"{self._cara.url}{PROCESS}", self._headers | STREAM
        return self._cara.http.post(url, json={"prompt": PROMPT}, headers=headers)

    async def _jobs(self, row: Row) -> str:
        ends = []
        for number in range(row.jobs):
            url = await self._cara.ask_for_feedback(self._headers, number)
            ends.append((await self._cara.ended_job(url, self._headers))["status"])
        return " and ".join(dict.fromkeys(ends))

    async def _ask(self, row: Row) -> str:
        headers = self._headers | (STREAM if row.how == "streamed" else {})
        url = f"{self._cara.url}{PROCESS}"
        async with self._cara.http.post(url, json={"prompt": PROMPT}, headers=headers) as response:
            if response.status != 200:
                return str((await response.json())["code"])
            text = await response.text()
        if row.how == "streamed" and "event: error" in text:
            return text.rpartition('"code": "')[2].partition('"')[0]
        return "answered"

    async def _leave(self, row: Row) -> str:
        before = (await self._gemini.totals())["billed"]
        asking = asyncio.create_task(self._read(row.pieces))
        while not row.pieces and (await self._gemini.totals())["billed"] == before:
            await asyncio.sleep(0.01)
        if not row.pieces:
            asking.cancel()
        await asyncio.wait([asking])
        return "left" if asking.cancelled() or not asking.exception() else "failed"

    async def _read(self, pieces: int) -> None:
        async with self._open_stream() as response:
            received = texts(response)
            for _ in range(pieces):
                await anext(received)
            response.close()
