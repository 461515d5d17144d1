"""What calls of the emulator cost, and what they tell of it: both as Gemini does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, ServerDisconnectedError

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.devtools.emulator.server import RunningEmulator, running_emulator
from tests.devtools.emulator.talking import GENERATE, STREAM, finish_reason, http_session, read_chunks, said

NEVER_SECONDS = 3_600.0
REFUSALS = [
    Fault.RATE_LIMITED,
    Fault.INTERNAL,
    Fault.UNAVAILABLE,
    Fault.BAD_GATEWAY,
    Fault.BAD_KEY,
    Fault.BAD_REQUEST,
]


async def ask(session: ClientSession, body: dict[str, Any]) -> dict[str, Any]:
    async with session.post(GENERATE, json=body) as response:
        return dict(await response.json())


async def stream(session: ClientSession, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with session.post(STREAM, json=body) as response:
        return await read_chunks(response)


async def test_early_chunks_tell_the_prompt_alone_and_the_last_one_everything(
    running: RunningEmulator, session: ClientSession
) -> None:
    *early, last = [chunk["usageMetadata"] for chunk in await stream(session, said())]
    assert len(early) > 2
    for told in early:
        assert told["promptTokenCount"] == told["totalTokenCount"] == last["promptTokenCount"] > 0
        assert "candidatesTokenCount" not in told
    assert last["totalTokenCount"] == last["promptTokenCount"] + last["candidatesTokenCount"]
    assert running.emulator.ledger.total_tokens == last["totalTokenCount"]


async def test_an_answer_that_is_cut_off_has_told_its_prompt_alone_and_is_billed_as_written(
    running: RunningEmulator, session: ClientSession
) -> None:
    running.emulator.fail_next(PlannedFault(Fault.CUT_STREAM, after_chunks=2))
    told = (await stream(session, said()))[-1]["usageMetadata"]
    assert told["totalTokenCount"] == running.emulator.ledger.prompt_tokens
    assert running.emulator.ledger.output_tokens == 2 * 60 / 4


async def test_with_running_usage_each_chunk_tells_what_was_written_so_far() -> None:
    settings = EmulatorSettings(chunk_delay_seconds=0.001, running_usage=True)
    async with running_emulator(settings) as running, http_session(running.url) as session:
        chunks = await stream(session, said())
    totals = [chunk["usageMetadata"]["totalTokenCount"] for chunk in chunks]
    assert totals == sorted(set(totals))


async def test_a_client_that_leaves_before_the_first_chunk_has_cost_its_prompt() -> None:
    settings = EmulatorSettings(first_chunk_delay_seconds=NEVER_SECONDS)
    async with running_emulator(settings) as running:
        async with http_session(running.url) as session:
            asking = asyncio.create_task(stream(session, said()))
            await running.emulator.until(lambda ledger: ledger.billed == 1)
            asking.cancel()
        ledger = await running.emulator.until(lambda ledger: ledger.aborted == 1)
    assert ledger.total_tokens == ledger.prompt_tokens > 0
    assert (ledger.calls, ledger.finished, ledger.in_flight) == (1, 0, 0)


async def test_generation_stops_when_the_client_leaves() -> None:
    settings = EmulatorSettings(chunk_delay_seconds=NEVER_SECONDS, thinking_tokens=7)
    async with running_emulator(settings) as running:
        async with http_session(running.url) as session, session.post(STREAM, json=said()) as response:
            await response.content.readline()
        ledger = await running.emulator.until(lambda ledger: ledger.aborted == 1)
    assert (ledger.output_tokens, ledger.thinking_tokens) == (60 / 4, 7)
    assert (ledger.billed, ledger.finished) == (1, 0)


@pytest.mark.parametrize("path", [GENERATE, STREAM])
@pytest.mark.parametrize("fault", REFUSALS)
async def test_what_is_refused_bills_nothing(
    running: RunningEmulator, session: ClientSession, fault: Fault, path: str
) -> None:
    running.emulator.fail_next(fault)
    async with session.post(path, json=said()) as response:
        assert response.status >= 400
    ledger = running.emulator.ledger
    assert (ledger.calls, ledger.refused, ledger.billed, ledger.total_tokens) == (1, 1, 0, 0)


@pytest.mark.parametrize("path", [GENERATE, STREAM])
async def test_a_connection_dropped_before_the_first_byte_bills_nothing(
    running: RunningEmulator, session: ClientSession, path: str
) -> None:
    running.emulator.fail_next(PlannedFault(Fault.DROP_CONNECTION, after_chunks=0))
    with pytest.raises(ServerDisconnectedError):
        await session.post(path, json=said())
    assert (running.emulator.ledger.billed, running.emulator.ledger.total_tokens) == (0, 0)


async def test_a_stall_before_the_first_byte_bills_nothing(running: RunningEmulator) -> None:
    running.emulator.fail_next(Fault.STALL)
    async with http_session(running.url) as session:
        asking = asyncio.create_task(stream(session, said()))
        await running.emulator.until(lambda ledger: ledger.calls == 1)
        asking.cancel()
    ledger = await running.emulator.until(lambda ledger: ledger.aborted == 1)
    assert (ledger.billed, ledger.total_tokens) == (0, 0)


async def test_a_blocked_prompt_costs_the_prompt(running: RunningEmulator, session: ClientSession) -> None:
    running.emulator.fail_next(Fault.BLOCKED_PROMPT)
    (told,) = [chunk["usageMetadata"] for chunk in await stream(session, said())]
    assert told["totalTokenCount"] == told["promptTokenCount"] == running.emulator.ledger.total_tokens > 0


async def test_thoughts_beyond_the_output_limit_end_the_answer_by_themselves() -> None:
    settings = EmulatorSettings(chunk_delay_seconds=0.001, thinking_tokens=50)
    async with running_emulator(settings) as running, http_session(running.url) as session:
        answer = await ask(session, said(maxOutputTokens=20))
    assert finish_reason(answer) == "MAX_TOKENS"
    assert answer["candidates"][0]["content"] == {"role": "model"}
    assert answer["usageMetadata"]["thoughtsTokenCount"] == 20 == running.emulator.ledger.thinking_tokens
    assert running.emulator.ledger.output_tokens == 0


async def test_thoughts_and_text_share_the_output_limit() -> None:
    settings = EmulatorSettings(chunk_delay_seconds=0.001, thinking_tokens=50)
    async with running_emulator(settings) as running, http_session(running.url) as session:
        answer = await ask(session, said(maxOutputTokens=60))
    assert finish_reason(answer) == "MAX_TOKENS"
    told = answer["usageMetadata"]
    assert (told["thoughtsTokenCount"], told["candidatesTokenCount"]) == (50, 10)
    assert running.emulator.ledger.total_tokens == told["promptTokenCount"] + 60


@pytest.mark.parametrize(("fault", "output"), [(Fault.ONLY_THOUGHTS, 0), (Fault.OUT_OF_ROOM, 15)])
async def test_an_answer_without_room_tells_and_bills_the_same(
    running: RunningEmulator, session: ClientSession, fault: Fault, output: int
) -> None:
    running.emulator.fail_next(fault)
    chunks = await stream(session, said(maxOutputTokens=900))
    told, ledger = chunks[-1]["usageMetadata"], running.emulator.ledger
    assert finish_reason(chunks[-1]) == "MAX_TOKENS"
    assert told["totalTokenCount"] == ledger.total_tokens
    assert ledger.output_tokens == told.get("candidatesTokenCount", 0) >= output
    assert ledger.thinking_tokens == told.get("thoughtsTokenCount", 0) == (0 if output else 900)


@pytest.mark.parametrize(
    ("thinking", "tokens"),
    [
        ({"thinkingLevel": "MINIMAL"}, 64),
        ({"thinking_level": "low"}, 256),
        ({"thinkingLevel": "medium"}, 2_048),
        ({"thinkingLevel": "high"}, 6_000),
        ({}, 6_000),
    ],
)
async def test_thinking_by_level_takes_the_level_of_the_request(
    thinking: dict[str, str], tokens: int
) -> None:
    settings = EmulatorSettings(chunk_delay_seconds=0.001, thinking_by_level=True)
    async with running_emulator(settings) as running, http_session(running.url) as session:
        told = (await ask(session, said(thinkingConfig=thinking)))["usageMetadata"]
    assert told["thoughtsTokenCount"] == tokens == running.emulator.ledger.thinking_tokens


async def test_a_level_means_nothing_unless_the_setting_is_on(
    running: RunningEmulator, session: ClientSession
) -> None:
    await ask(session, said(thinkingConfig={"thinkingLevel": "high"}))
    assert running.emulator.ledger.thinking_tokens == 0


async def test_other_processes_see_which_calls_were_billed(
    running: RunningEmulator, session: ClientSession
) -> None:
    running.emulator.fail_next(Fault.UNAVAILABLE)
    await ask(session, said())
    await ask(session, said())
    async with session.get("/emulator/ledger", headers=running.control) as response:
        shown = await response.json()
    assert (shown["calls"], shown["billed"], shown["refused"], shown["finished"]) == (2, 1, 1, 1)
    assert shown["total_tokens"] == shown["prompt_tokens"] + shown["output_tokens"] > 0
