"""Each way in which an answer of the emulator can differ from a polite one, as it is on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientSession

from cara.devtools.emulator.faults import Deviation, Fault, PlannedFault, Switch, WireDeviation
from cara.devtools.emulator.server import RunningEmulator
from tests.devtools.emulator.talking import (
    GENERATE,
    PLAINER_SCHEMA,
    SCHEMA,
    STREAM,
    finish_reason,
    read_chunks,
    said,
    text_of,
)

JSON = {"responseMimeType": "application/json"}


async def raw_stream(session: ClientSession, running: RunningEmulator, *switches: Switch) -> bytes:
    """The bytes of a stream with these switches."""
    running.emulator.fail_next(PlannedFault(switches[0], also=frozenset(switches[1:])))
    async with session.post(STREAM, json=said()) as response:
        return await response.read()


@pytest.mark.parametrize("after_chunks", [0, 2])
@pytest.mark.parametrize("fault", [Fault.RECITATION, Fault.LANGUAGE, Fault.BLOCKED_ANSWER])
async def test_an_answer_can_end_for_a_reason_of_its_own_with_or_without_text(
    running: RunningEmulator, session: ClientSession, fault: Fault, after_chunks: int
) -> None:
    running.emulator.fail_next(PlannedFault(fault, after_chunks=after_chunks))
    async with session.post(STREAM, json=said()) as response:
        chunks = await read_chunks(response)
    assert finish_reason(chunks[-1]) == {Fault.BLOCKED_ANSWER: "SAFETY"}.get(fault, fault.name)
    assert bool("".join(map(text_of, chunks))) is bool(after_chunks)
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == running.emulator.ledger.total_tokens


async def schema_status(session: ClientSession, schema: dict[str, Any] | None) -> int:
    config = JSON | ({"responseJsonSchema": schema} if schema else {})
    async with session.post(GENERATE, json=said(**config)) as response:
        body = await response.json()
    if response.status == 400:
        assert set(body["error"]) == {"code", "message", "status"}
        assert body["error"]["status"] == "INVALID_ARGUMENT"
    return response.status


async def test_a_schema_can_be_refused_until_it_is_plainer(
    running: RunningEmulator, session: ClientSession
) -> None:
    running.emulator.fail_rate(Fault.SCHEMA_REFUSED, 1.0)
    assert [await schema_status(session, schema) for schema in (SCHEMA, PLAINER_SCHEMA, None)] == [
        400,
        200,
        200,
    ]
    nested = {"type": "object", "properties": {"enum": {"type": "array", "items": SCHEMA}}}
    assert await schema_status(session, nested) == 400
    named = {"type": "object", "properties": {"required": {"type": "string"}, "enum": {"type": "string"}}}
    assert await schema_status(session, named) == 200
    assert (running.emulator.ledger.billed, running.emulator.ledger.refused) == (3, 2)


async def test_every_schema_can_be_refused(running: RunningEmulator, session: ClientSession) -> None:
    running.emulator.fail_rate(Fault.ANY_SCHEMA_REFUSED, 1.0)
    assert [await schema_status(session, schema) for schema in (SCHEMA, PLAINER_SCHEMA, None)] == [
        400,
        400,
        200,
    ]


async def test_a_refusal_of_a_schema_waits_for_a_request_with_one(
    running: RunningEmulator, session: ClientSession
) -> None:
    running.emulator.fail_next(Fault.SCHEMA_REFUSED)
    assert [await schema_status(session, schema) for schema in (None, SCHEMA, SCHEMA)] == [200, 400, 200]


async def test_a_polite_stream_has_lines_of_data_alone(session: ClientSession) -> None:
    async with session.post(STREAM, json=said()) as response:
        lines = (await response.read()).split(b"\r\n\r\n")
    assert lines.pop() == b""
    assert all(line.startswith(b'data: {"') for line in lines)


async def test_a_stream_can_end_with_a_line_that_says_done(
    running: RunningEmulator, session: ClientSession
) -> None:
    written = await raw_stream(session, running, WireDeviation.DONE_LINE)
    assert written.endswith(b"\r\n\r\ndata: [DONE]\r\n\r\n")


async def test_a_stream_can_have_comments_before_and_between_its_events(
    running: RunningEmulator, session: ClientSession
) -> None:
    lines = (await raw_stream(session, running, WireDeviation.COMMENTS)).split(b"\r\n\r\n")
    assert lines[0].startswith(b": ")
    assert [line[:2] for line in lines[1:5]] == [b"da", b": ", b"da", b": "]


async def test_events_can_have_further_fields(running: RunningEmulator, session: ClientSession) -> None:
    first = (await raw_stream(session, running, WireDeviation.EVENT_FIELDS)).split(b"\r\n\r\n")[0]
    fields = [line.split(b":")[0] for line in first.split(b"\r\n")]
    assert fields == [b"event", b"id", b"retry", b"data"]


async def test_data_can_come_without_a_space(running: RunningEmulator, session: ClientSession) -> None:
    written = await raw_stream(session, running, WireDeviation.NO_SPACE)
    assert written.startswith(b'data:{"candidates"')
    assert b"data: " not in written


@pytest.mark.parametrize("config", [{}, JSON, {**JSON, "responseJsonSchema": PLAINER_SCHEMA}])
async def test_a_surrogate_pair_can_be_split_between_two_chunks(
    running: RunningEmulator, session: ClientSession, config: dict[str, Any]
) -> None:
    running.emulator.fail_next(WireDeviation.SPLIT_SURROGATES)
    async with session.post(STREAM, json=said(**config)) as response:
        written = await response.read()
        texts = [text_of(chunk) for chunk in await read_chunks(response)]
    halves = [index for index, text in enumerate(texts) if text.endswith("\ud83d")]
    assert len(halves) == 1
    assert texts[halves[0] + 1].startswith("\ude42")
    assert b"\\ud83d" in written
    assert "🙂" in "".join(texts).encode("utf-16", "surrogatepass").decode("utf-16")


async def test_a_connection_can_be_reset_after_the_answer(
    running: RunningEmulator, session: ClientSession
) -> None:
    running.emulator.fail_next(WireDeviation.RESET_AFTER_FINISH)
    async with session.post(STREAM, json=said()) as response:
        while b'"finishReason":"STOP"' not in await response.content.readline():
            pass
        with pytest.raises(ClientPayloadError, match="ConnectionResetError"):
            await response.content.read()
    assert (running.emulator.ledger.finished, running.emulator.ledger.aborted) == (1, 0)


async def test_a_connection_can_stay_open_and_silent_after_the_answer(
    running: RunningEmulator, session: ClientSession
) -> None:
    running.emulator.fail_next(WireDeviation.SILENT_AFTER_FINISH)
    async with session.post(STREAM, json=said()) as response:
        while b'"finishReason"' not in await response.content.readline():
            pass
        await response.content.readline()
        waiting = asyncio.create_task(response.content.read())
        ledger = await running.emulator.until(lambda ledger: ledger.finished == 1)
        assert (ledger.in_flight, waiting.done()) == (1, False)
        waiting.cancel()
    ledger = await running.emulator.until(lambda ledger: ledger.in_flight == 0)
    assert ledger.aborted == 0


async def test_several_switches_meet_in_one_request(running: RunningEmulator, session: ClientSession) -> None:
    written = await raw_stream(
        session,
        running,
        Fault.RECITATION,
        WireDeviation.NO_SPACE,
        WireDeviation.USAGE_ABSENT,
        WireDeviation.DONE_LINE,
        WireDeviation.COMMENTS,
    )
    assert b'data:{"' in written
    assert b"usageMetadata" not in written
    assert b"RECITATION" in written
    assert written.endswith(b"data:[DONE]\r\n\r\n")


async def test_other_processes_plan_several_switches_for_one_request(
    running: RunningEmulator, session: ClientSession
) -> None:
    wanted = {"fault": "fenced", "also": ["no_space", "usage_empty"]}
    planned = await session.post("/emulator/faults", json=wanted, headers=running.control)
    assert planned.status == 200
    async with session.post(STREAM, json=said(**JSON)) as response:
        chunks = await read_chunks(response)
    assert "".join(map(text_of, chunks)).startswith("```json")
    assert chunks[-1]["usageMetadata"] == {}
    unknown = {"fault": "fenced", "also": ["earthquake"]}
    async with session.post("/emulator/faults", json=unknown, headers=running.control) as refused:
        assert refused.status == 400
        assert set((await refused.json())["faults"]) == {*Fault, *Deviation, *WireDeviation}


async def test_json_asked_for_in_words_alone_is_about_the_talk(session: ClientSession) -> None:
    async with session.post(GENERATE, json=said("You: We close the gap in March.", **JSON)) as response:
        text = text_of(await response.json())
    assert '"quote": "We close the gap in March."' in text
    assert '"type": "strength"' in text
