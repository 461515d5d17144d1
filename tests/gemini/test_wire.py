"""The client against the bytes of gateways: a finished answer is finished, and every failure is ours."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from cara.gemini.calls import GeminiAnswer, GeminiCall
from cara.gemini.client import GeminiClient
from cara.gemini.errors import (
    GeminiBadAnswer,
    GeminiError,
    GeminiInterrupted,
    GeminiTimedOut,
    GeminiUnavailable,
)
from tests.gemini.clients import NO_TIMEOUTS, ask_gemini, open_client
from tests.gemini.wire_server import WireServer, chunk, event

CALL = GeminiCall(
    "You are a coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500
)
JSON_CALL = replace(CALL, response_schema={"type": "object"})
USAGE = {"promptTokenCount": 60, "candidatesTokenCount": 7, "totalTokenCount": 67}
WHOLE = (chunk("We "), chunk("grew.", finish="STOP", usage=USAGE))


async def answered(client: GeminiClient, call: GeminiCall = CALL) -> GeminiAnswer:
    answer = await ask_gemini(client, call)
    assert client.circuit == "closed"
    return answer


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize(
    "noise",
    [
        b"data: [DONE]\n\n", b": ping\n\n", b"event: message\n", b"id: 7\n", b"retry: 100\n",
        b"data: null\n\n", b"data: {}\n\n", b'data: "ping"\n\n', b'data: {"type": "ping"}\n\n', b"junk\n",
    ],
)  # fmt: skip
async def test_what_gateways_add_does_no_harm_wherever_it_stands(
    wire_client: GeminiClient, server: WireServer, noise: bytes, end: bytes
) -> None:
    first, last = (part.replace(b"\r\n", b"\n").replace(b"data: ", b"data:") for part in WHOLE)
    server.answers(
        b"\xef\xbb\xbf", *(part.replace(b"\n", end) for part in (noise, first, noise, last, noise))
    )
    answer = await answered(wire_client)
    assert (answer.text, answer.usage.total_tokens) == ("We grew.", 67)


@pytest.mark.parametrize("size", [1, 7])
async def test_lines_may_be_split_anywhere(wire_client: GeminiClient, server: WireServer, size: int) -> None:
    stream = b"".join(WHOLE) + 'data: {"candidates": []}\r\n\r\n: é\r\n'.encode()
    server.answers(*(stream[start : start + size] for start in range(0, len(stream), size)))
    assert (await answered(wire_client)).text == "We grew."


@pytest.mark.parametrize(
    "after",
    [
        ("reset",),
        (b"data: {broken\n\n",),
        (b"data: {broken",),
        (b"\xff\xfe\x00",),
        (event(error={"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}),),
        (event(error={}),),
        (event(candidates=7),),
        (event(candidates=[{"finishReason": "OTHER"}]),),
        (b'data: {"a":' * 1_000 + b"\n\n",),
    ],
)
async def test_whatever_follows_a_finish_reason_the_answer_is_finished(
    wire_client: GeminiClient, server: WireServer, after: Any
) -> None:
    server.answers(*WHOLE, *after)
    answer = await answered(wire_client)
    assert (answer.text, answer.usage.total_tokens) == ("We grew.", 67)


async def test_silence_after_a_finish_reason_ends_the_answer(
    wire_client: GeminiClient, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.gemini.streams.USAGE_TIMEOUT_SECONDS", 0.05)
    server.answers(*WHOLE, "hold")
    assert (await answered(wire_client)).text == "We grew."
    await server.left.wait()


@pytest.mark.parametrize("limit", ["between_chunks_seconds", "deadline_seconds"])
async def test_no_timeout_makes_a_finished_answer_a_failure(server: WireServer, limit: str) -> None:
    server.answers(*WHOLE, "hold")
    async with open_client(server.url, replace(NO_TIMEOUTS, **{limit: 1.0})) as client:
        assert (await answered(client)).text == "We grew."


async def test_a_finish_reason_with_each_chunk_ends_nothing_early(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers(chunk("We ", finish="STOP"), chunk("grew", finish="STOP"), chunk(".", finish="MAX_TOKENS"))
    answer = await answered(wire_client)
    assert (answer.text, answer.truncated) == ("We grew.", True)


@pytest.mark.filterwarnings("ignore:.*is not a valid FinishReason")
@pytest.mark.parametrize("unfinished", ["FINISH_REASON_UNSPECIFIED", ""])
async def test_an_unspecified_finish_reason_is_none(
    wire_client: GeminiClient, server: WireServer, unfinished: str
) -> None:
    server.answers(event(candidates=[{"content": {"parts": [{"text": "We"}]}, "finishReason": unfinished}]))
    with pytest.raises(GeminiBadAnswer) as cut:
        await ask_gemini(wire_client, CALL)
    assert cut.value.reason == "cut"


async def test_a_character_split_between_two_chunks_arrives_whole(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers(
        chunk("Well \ud83d"),
        chunk("\ude00 done \ud83d"),
        event(usageMetadata=USAGE),
        chunk("\ude80", finish="STOP"),
    )
    async with wire_client.stream(CALL) as stream:
        deltas = [found.text async for found in stream]
    assert "".join(deltas) == "Well 😀 done 🚀"
    assert all(delta.encode() for delta in deltas)
    assert stream.answer.text == stream.text == "Well 😀 done 🚀"


async def test_half_a_character_without_its_other_half_is_dropped_or_replaced(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers(chunk("a\ud83d"), chunk("b\ude00c"), chunk("d\ud83d", finish="STOP"))
    assert (await answered(wire_client)).text == "a?b?cd"


async def test_json_with_a_split_character_is_read(wire_client: GeminiClient, server: WireServer) -> None:
    server.answers(chunk('{"summary": "Fine \ud83d'), chunk('\ude00"}', finish="STOP"))
    assert (await answered(wire_client, JSON_CALL)).data == {"summary": "Fine 😀"}


UNREADABLE = [
    b"data: {broken\n\n",
    b'data: {"candidates": [}\n\n',
    b'data: {"a":' + b'{"a":' * 100_000 + b"\n\n",
]


ODD = [
    event(candidates=7),
    event(candidates=[{"content": {"parts": 7}}]),
    event(usageMetadata={"promptTokenCount": "many"}),
    event(usageMetadata=[1]),
    event(promptFeedback="none", modelVersion=3, createTime={}),
    event(candidates=[{"index": "x", "citationMetadata": 5, "safetyRatings": "none"}]),
]


@pytest.mark.parametrize("odd", ODD)
async def test_a_member_of_another_type_within_an_answer_costs_nothing(
    wire_client: GeminiClient, server: WireServer, odd: bytes
) -> None:
    server.answers(WHOLE[0], odd, WHOLE[1])
    answer = await answered(wire_client)
    assert (answer.text, answer.usage.total_tokens) == ("We grew.", 67)


@pytest.mark.parametrize(
    "end",
    [
        (),
        ("reset",),
        (b"data: {broken",),
        (event(error={"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}),),
        (event(candidates=[{"finishReason": "MALFORMED_RESPONSE"}]),),
    ],
)
async def test_json_that_is_complete_is_an_answer_however_its_stream_ends(
    wire_client: GeminiClient, server: WireServer, end: Any
) -> None:
    server.answers(chunk('```json\n{"summary": '), chunk('"Fine"}\n```'), *end)
    answer = await answered(wire_client, JSON_CALL)
    assert (answer.data, answer.truncated) == ({"summary": "Fine"}, False)


async def test_silence_after_complete_json_ends_the_answer(server: WireServer) -> None:
    server.answers(chunk('{"summary": "Fine"}'), "hold")
    async with open_client(server.url, replace(NO_TIMEOUTS, between_chunks_seconds=0.3)) as client:
        assert (await answered(client, JSON_CALL)).data == {"summary": "Fine"}


async def test_a_reset_within_json_interrupts_it(wire_client: GeminiClient, server: WireServer) -> None:
    server.answers(chunk('{"summary": {"text": "Fine"}'), "reset")
    with pytest.raises(GeminiInterrupted):
        await ask_gemini(wire_client, JSON_CALL)


@pytest.mark.parametrize("unreadable", UNREADABLE)
async def test_what_cannot_be_read_in_the_middle_of_an_answer_is_a_bad_one(
    wire_client: GeminiClient, server: WireServer, unreadable: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(chunk("We grew."), unreadable)
    async with wire_client.stream(CALL) as stream:
        with pytest.raises(GeminiBadAnswer) as bad:
            async for _ in stream:
                pass
    assert (bad.value.reason, stream.text) == ("unreadable", "We grew.")
    assert [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("unreadable", UNREADABLE)
@pytest.mark.parametrize("finish", [None, "STOP"])
async def test_what_cannot_be_read_ends_the_call_at_gemini_although_the_failure_is_kept(
    wire_client: GeminiClient, server: WireServer, unreadable: bytes, finish: str | None
) -> None:
    server.answers(chunk("We grew.", finish=finish), unreadable, "hold")
    async with wire_client.stream(CALL) as stream:
        with suppress(GeminiBadAnswer) if finish else pytest.raises(GeminiBadAnswer) as kept:
            async for _ in stream:
                pass
        async with asyncio.timeout(10):
            await server.left.wait()
    del kept


@pytest.mark.parametrize(
    "error", [{}, {"message": "boom"}, {"code": None}, {"code": "503"}, "boom", ["boom"], {"code": 503}]
)
async def test_an_error_in_the_middle_of_an_answer_is_ours_whatever_it_lacks(
    wire_client: GeminiClient, server: WireServer, error: Any
) -> None:
    server.answers(chunk("We grew."), event(error=error))
    with pytest.raises(GeminiError) as failed:
        await ask_gemini(wire_client, CALL)
    assert isinstance(failed.value, GeminiUnavailable | GeminiBadAnswer)
    assert failed.value.usage.output_tokens > 0


@pytest.mark.parametrize(
    "body", [[{"candidates": []}], [1, 2], 7, None, "text", {"error": {"message": "boom"}}, {"error": "boom"}]
)
async def test_json_that_is_no_event_stream_is_a_failure_of_ours(
    wire_client: GeminiClient, server: WireServer, body: Any
) -> None:
    server.answers(json.dumps(body).encode(), content_type="application/json")
    with pytest.raises(GeminiError):
        await ask_gemini(wire_client, CALL)


@pytest.mark.parametrize(
    "body", [b"", b"{broken", b"[1, 2]", b'"text"', b"\xff", b'{"error": "boom"}', b"null"]
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "text/event-stream"])
async def test_an_error_is_known_by_its_status_whatever_its_body(
    wire_client: GeminiClient, server: WireServer, body: bytes, content_type: str
) -> None:
    server.answers(body, status=503, content_type=content_type)
    with pytest.raises(GeminiUnavailable):
        await ask_gemini(wire_client, CALL)


async def test_a_gateway_that_only_pings_is_ended_by_the_timeout_of_the_first_token(
    server: WireServer,
) -> None:
    server.answers(*[b": ping\n\n", b"data: {}\n\n"] * 3, "hold")
    async with open_client(server.url, replace(NO_TIMEOUTS, attempts=1, first_token_seconds=0.3)) as client:
        with pytest.raises(GeminiTimedOut):
            await ask_gemini(client, CALL)


async def test_a_reset_within_an_answer_interrupts_it(wire_client: GeminiClient, server: WireServer) -> None:
    server.answers(chunk("We"), b"data: {", "reset")
    with pytest.raises(GeminiInterrupted):
        await ask_gemini(wire_client, CALL)
