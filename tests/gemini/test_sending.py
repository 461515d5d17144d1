"""What the client sends, and what it leaves of a connection."""

from __future__ import annotations

import gc

import pytest

from cara.gemini.calls import GeminiCall
from cara.gemini.client import GeminiClient
from cara.gemini.errors import GeminiError
from cara.gemini.sdk import GeminiResponse
from tests.gemini.clients import ask_gemini
from tests.gemini.wire_server import WireServer, chunk, event

CALL = GeminiCall(
    "You are a coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500
)
WHOLE = (chunk("We "), chunk("grew.", finish="STOP"))


async def test_a_call_that_was_read_to_its_end_leaves_its_connection_to_the_next(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers(*WHOLE)
    for _ in range(3):
        assert (await ask_gemini(wire_client, CALL)).text == "We grew."
    assert len(set(server.connections)) == 1


async def test_a_call_that_was_read_to_its_end_leaves_no_response_to_the_garbage_collector(
    wire_client: GeminiClient, server: WireServer
) -> None:
    """Web processes look for cycles seldom: what is in one keeps its buffers until then."""
    server.answers(*WHOLE)
    await ask_gemini(wire_client, CALL)
    gc.collect()
    gc.disable()
    try:
        await ask_gemini(wire_client, CALL)
        assert not [one for one in gc.get_objects() if isinstance(one, GeminiResponse)]
    finally:
        gc.enable()


async def test_a_call_that_failed_within_its_answer_leaves_no_connection(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers(chunk("We"), event(error={"code": 503}), "hold")
    server.answers(*WHOLE)
    with pytest.raises(GeminiError):
        await ask_gemini(wire_client, CALL)
    await server.left.wait()
    assert (await ask_gemini(wire_client, CALL)).text == "We grew."
    assert len(set(server.connections)) == 2


async def test_the_request_is_what_the_rest_api_takes_and_nothing_else(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers(chunk("{}", finish="STOP"))
    turns = [{"role": "user", "parts": [{"text": "We"}, {"text": "grew."}]}, {"role": "model", "parts": []}]
    schema = {"type": "object", "properties": {"max_output_tokens": {"type": "string"}}}
    await ask_gemini(wire_client, GeminiCall("Judge.", turns * 40, 500, schema, "low"))
    assert server.requests == [
        {
            "contents": turns * 40,
            "systemInstruction": {"parts": [{"text": "Judge."}]},
            "generationConfig": {
                "maxOutputTokens": 500,
                "responseMimeType": "application/json",
                "responseJsonSchema": schema,
                "thinkingConfig": {"thinkingLevel": "LOW"},
            },
        }
    ]
