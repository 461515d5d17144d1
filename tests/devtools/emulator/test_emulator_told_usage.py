"""Each way in which the emulator can tell usage differently from what it bills."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from cara.devtools.emulator.faults import Switch, WireDeviation
from cara.devtools.emulator.server import RunningEmulator
from tests.devtools.emulator.talking import GENERATE, STREAM, finish_reason, read_chunks, said


async def told(session: ClientSession, running: RunningEmulator, switch: Switch) -> list[Any]:
    """What the chunks of a stream with this switch tell of usage; None where they do not."""
    running.emulator.fail_next(switch)
    async with session.post(STREAM, json=said()) as response:
        chunks = await read_chunks(response)
    assert [finish_reason(chunk) for chunk in chunks if chunk.get("candidates")][-1] == "STOP"
    assert running.emulator.ledger.output_tokens > 0
    return [chunk.get("usageMetadata") for chunk in chunks]


async def test_usage_can_be_absent_or_empty(running: RunningEmulator, session: ClientSession) -> None:
    assert set(await told(session, running, WireDeviation.USAGE_ABSENT)) == {None}
    assert all(usage == {} for usage in await told(session, running, WireDeviation.USAGE_EMPTY))


async def test_usage_can_be_of_the_prompt_alone(running: RunningEmulator, session: ClientSession) -> None:
    usages = await told(session, running, WireDeviation.USAGE_PROMPT_ONLY)
    assert {usage["totalTokenCount"] for usage in usages} == {running.emulator.ledger.prompt_tokens}


async def test_usage_can_fall(running: RunningEmulator, session: ClientSession) -> None:
    *early, last = await told(session, running, WireDeviation.USAGE_FALLING)
    assert last["totalTokenCount"] < early[-1]["totalTokenCount"] < running.emulator.ledger.total_tokens
    assert last["promptTokenCount"] < early[-1]["promptTokenCount"]


@pytest.mark.parametrize(
    ("switch", "count"), [(WireDeviation.USAGE_HUGE, 2**32), (WireDeviation.USAGE_NEGATIVE, -5)]
)
async def test_usage_can_be_impossible(
    running: RunningEmulator, session: ClientSession, switch: WireDeviation, count: int
) -> None:
    last = (await told(session, running, switch))[-1]
    assert {last[name] for name in ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")} == {count}
    assert last["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": count}]


async def test_usage_can_come_after_the_finish_reason(
    running: RunningEmulator, session: ClientSession
) -> None:
    *before, late = await told(session, running, WireDeviation.USAGE_LATE)
    assert {usage["totalTokenCount"] for usage in before} == {running.emulator.ledger.prompt_tokens}
    assert late["totalTokenCount"] == running.emulator.ledger.total_tokens


async def test_whole_answers_have_the_usage_of_a_switch_too(
    running: RunningEmulator, session: ClientSession
) -> None:
    usages = []
    for switch in ("usage_absent", "usage_empty", "usage_late", "usage_falling"):
        running.emulator.fail_next(switch)
        async with session.post(GENERATE, json=said()) as response:
            usages.append((await response.json()).get("usageMetadata"))
    assert usages[:2] == [None, {}]
    assert usages[2] == usages[3]
    assert usages[2]["totalTokenCount"] * 4 == running.emulator.ledger.total_tokens
