"""A schema that a model refuses: a plainer one, none, and what is remembered of that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cara.gemini.calls import GeminiCall
from cara.gemini.client import GeminiClient
from cara.gemini.errors import GeminiError, GeminiMisconfigured, GeminiRefused, GeminiUnavailable
from tests.gemini.clients import NO_TIMEOUTS, ask_gemini, open_client
from tests.gemini.wire_server import WireServer, chunk

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
PLAINER = {"type": "object", "properties": {"a": {"type": "integer"}}}
CALL = GeminiCall(
    "Judge.",
    [{"role": "user", "parts": [{"text": "We grew."}]}],
    500,
    response_schema=SCHEMA,
    plainer_schema=PLAINER,
)
ANSWER = chunk('{"a": 1}', finish="STOP")


def refuses(server: WireServer, message: str = "odd", **details: Any) -> None:
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT", **details}
    server.answers(json.dumps({"error": error}).encode(), status=400, content_type="application/json")


def schemas_sent(server: WireServer) -> list[Any]:
    configs = [request["generationConfig"] for request in server.requests]
    assert {config["responseMimeType"] for config in configs} == {"application/json"}
    return [config.get("responseJsonSchema") for config in configs]


async def test_a_schema_that_is_accepted_is_remembered(wire_client: GeminiClient, server: WireServer) -> None:
    server.answers(ANSWER)
    assert wire_client.schema_accepted(SCHEMA) is None
    assert (await ask_gemini(wire_client, CALL)).data == {"a": 1}
    assert wire_client.schema_accepted(SCHEMA) == "full"
    assert schemas_sent(server) == [SCHEMA]


async def test_a_refused_schema_is_replaced_by_the_plainer_one_from_then_on(
    wire_client: GeminiClient, server: WireServer
) -> None:
    refuses(server)
    server.answers(ANSWER)
    for _ in range(2):
        assert (await ask_gemini(wire_client, CALL)).data == {"a": 1}
    assert schemas_sent(server) == [SCHEMA, PLAINER, PLAINER]
    assert wire_client.schema_accepted(dict(SCHEMA)) == "plainer"


async def test_a_refused_plainer_schema_is_told_in_words_from_then_on(
    wire_client: GeminiClient, server: WireServer
) -> None:
    refuses(server)
    refuses(server)
    server.answers(ANSWER)
    for _ in range(2):
        assert (await ask_gemini(wire_client, CALL)).data == {"a": 1}
    assert schemas_sent(server) == [SCHEMA, PLAINER, None, None]
    assert wire_client.schema_accepted(SCHEMA) == "none"
    (instruction,) = server.requests[-1]["systemInstruction"]["parts"]
    assert instruction["text"].startswith("Judge.\n")
    assert json.loads(instruction["text"].splitlines()[-1]) == SCHEMA


async def test_without_a_plainer_schema_none_comes_next(
    wire_client: GeminiClient, server: WireServer
) -> None:
    refuses(server)
    server.answers(ANSWER)
    await ask_gemini(wire_client, replace(CALL, plainer_schema=None))
    assert schemas_sent(server) == [SCHEMA, None]


async def test_if_all_are_refused_the_first_refusal_is_raised_and_nothing_remembered(
    wire_client: GeminiClient, server: WireServer
) -> None:
    for message in ("first", "second", "third"):
        refuses(server, message)
    with pytest.raises(GeminiRefused) as refused:
        await ask_gemini(wire_client, CALL)
    assert "first" in refused.value.cause
    assert wire_client.schema_accepted(SCHEMA) is None
    assert refused.value.usage.total_tokens == 0
    server.answers(ANSWER)
    server.replies.pop(0)
    await ask_gemini(wire_client, CALL)
    assert schemas_sent(server) == [SCHEMA, PLAINER, None, SCHEMA]


async def test_what_was_remembered_is_kept_through_a_later_refusal(
    wire_client: GeminiClient, server: WireServer
) -> None:
    refuses(server)
    server.answers(ANSWER)
    await ask_gemini(wire_client, CALL)
    refuses(server, "later")
    server.replies.pop(0)
    with pytest.raises(GeminiRefused):
        await ask_gemini(wire_client, CALL)
    assert schemas_sent(server) == [SCHEMA, PLAINER, PLAINER, None]
    assert wire_client.schema_accepted(SCHEMA) == "plainer"


@pytest.mark.parametrize(
    ("call", "details", "status", "kind"),
    [
        (replace(CALL, response_schema=None, plainer_schema=None), {}, 400, GeminiRefused),
        (CALL, {"details": [{"reason": "API_KEY_INVALID"}]}, 400, GeminiMisconfigured),
        (CALL, {"status": "FAILED_PRECONDITION"}, 400, GeminiMisconfigured),
        (CALL, {"code": 413, "status": "TOO_LARGE"}, 413, GeminiRefused),
        (CALL, {}, 503, GeminiUnavailable),
    ],
)
async def test_any_other_refusal_is_final(
    wire_client: GeminiClient,
    server: WireServer,
    call: GeminiCall,
    details: dict[str, Any],
    status: int,
    kind: type[GeminiError],
) -> None:
    refuses(server, **details)
    server.replies[0].status = status
    with pytest.raises(kind):
        await ask_gemini(wire_client, call)
    assert len(server.requests) == 1


async def test_a_refusal_within_an_answer_is_final(wire_client: GeminiClient, server: WireServer) -> None:
    error = {"error": {"code": 400, "message": "odd", "status": "INVALID_ARGUMENT"}}
    server.answers(chunk('{"a"'), b"data: " + json.dumps(error).encode() + b"\n\n")
    with pytest.raises(GeminiRefused) as refused:
        await ask_gemini(wire_client, CALL)
    assert refused.value.usage.total_tokens > 0
    assert len(server.requests) == 1


async def test_steps_of_a_schema_are_no_attempts(server: WireServer) -> None:
    refuses(server)
    server.answers(status=503)
    server.answers(ANSWER)
    async with open_client(server.url, replace(NO_TIMEOUTS, attempts=2)) as client:
        assert (await ask_gemini(client, CALL)).data == {"a": 1}
    assert schemas_sent(server) == [SCHEMA, PLAINER, PLAINER]
