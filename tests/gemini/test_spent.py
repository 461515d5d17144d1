"""What a call costs by what was told and what was received."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.client import GeminiClient
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiError,
    GeminiRateLimited,
    GeminiTimedOut,
    GeminiUnavailable,
)
from tests.gemini.clients import open_client
from tests.gemini.spending import CALL, LIMITS, OUTPUT, PROMPT, WORDS, Journal, counts, spent_on_failure
from tests.gemini.wire_server import WireServer, chunk, event, wire_server
from tests.waiting import until

OVERLOADED = event(error={"code": 503, "message": "overloaded", "status": "UNAVAILABLE"})


async def spent_on_answer(client: GeminiClient) -> GeminiUsage:
    async with client.stream(CALL) as stream:
        async for _ in stream:
            pass
    assert stream.answer.usage == stream.spent
    return stream.spent


@pytest.mark.parametrize(
    ("told", "spent"),
    [
        ([None], (PROMPT, OUTPUT, 0, PROMPT + OUTPUT)),
        ([{}], (PROMPT, OUTPUT, 0, PROMPT + OUTPUT)),
        ([{"promptTokenCount": 600}], (600, OUTPUT, 0, 600 + OUTPUT)),
        ([{"promptTokenCount": 600, "candidatesTokenCount": 7}], (600, 7, 0, 607)),
        ([{"promptTokenCount": 600, "candidatesTokenCount": 7, "thoughtsTokenCount": 90}], (600, 7, 90, 697)),
        ([{"candidatesTokenCount": 7}], (PROMPT, 7, 0, PROMPT + 7)),
        ([{"candidatesTokenCount": 7, "totalTokenCount": 27}], (20, 7, 0, 27)),
        ([{"promptTokenCount": 600, "candidatesTokenCount": 7, "totalTokenCount": 900}], (600, 7, 0, 900)),
        (
            [{"promptTokenCount": 600, "candidatesTokenCount": 300}, {"promptTokenCount": 5}],
            (600, 300, 0, 900),
        ),
        (
            [{"promptTokenCount": 2**32, "candidatesTokenCount": -5, "totalTokenCount": -5}],
            (PROMPT, OUTPUT, 0, PROMPT + OUTPUT),
        ),
        (
            [{"promptTokenCount": 2**31 - 1, "candidatesTokenCount": 2**31 - 1}],
            (4 * PROMPT + 1_000, 2_000, 0, 4 * PROMPT + 3_000),  # no more than such a call can cost
        ),
    ],
)
async def test_a_finished_answer_costs_what_was_told_and_estimates_of_what_was_not(
    wire_client: GeminiClient, server: WireServer, told: list[dict[str, int] | None], spent: tuple[int, ...]
) -> None:
    *early, last = told
    server.answers(*(chunk("", usage=usage) for usage in early), chunk(WORDS, finish="STOP", usage=last))
    assert counts(await spent_on_answer(wire_client)) == spent


async def test_usage_in_a_chunk_of_its_own_after_the_finish_counts(
    wire_client: GeminiClient, server: WireServer
) -> None:
    usage = {"promptTokenCount": 600, "candidatesTokenCount": 7, "totalTokenCount": 607}
    server.answers(chunk(WORDS, finish="STOP"), chunk(usage=usage))
    assert counts(await spent_on_answer(wire_client)) == (600, 7, 0, 607)


@pytest.mark.parametrize(
    ("told", "spent"),
    [
        (None, (PROMPT, OUTPUT, 0, PROMPT + OUTPUT)),
        ({"promptTokenCount": 600, "totalTokenCount": 600}, (600, OUTPUT, 0, 600 + OUTPUT)),
        ({"promptTokenCount": 600, "candidatesTokenCount": 1}, (600, OUTPUT, 0, 600 + OUTPUT)),
        (
            {"promptTokenCount": 600, "candidatesTokenCount": 999, "thoughtsTokenCount": 9},
            (600, 999, 9, 1_608),
        ),
    ],
)
async def test_an_answer_that_was_left_costs_what_had_been_received(
    wire_client: GeminiClient, server: WireServer, told: dict[str, int] | None, spent: tuple[int, ...]
) -> None:
    server.answers(chunk(WORDS, usage=told), "hold")
    async with wire_client.stream(CALL) as stream:
        await anext(stream)
        assert stream.answered
        assert counts(stream.spent) == spent
    assert counts(stream.spent) == spent
    await server.left.wait()


async def test_a_call_that_was_left_before_its_answer_costs_its_prompt(
    wire_client: GeminiClient, server: WireServer
) -> None:
    server.answers("hold")
    async with wire_client.stream(CALL) as stream:
        assert stream.spent == NOTHING_USED
        await server.arrived.wait()
    assert not stream.answered
    assert counts(stream.spent) == (PROMPT, 0, 0, PROMPT)


@pytest.mark.parametrize("steps", [(), ("reset",), (OVERLOADED,)], ids=["cut", "reset", "error"])
async def test_an_answer_that_breaks_off_costs_what_had_been_received(
    wire_client: GeminiClient, server: WireServer, steps: Any
) -> None:
    server.answers(chunk(WORDS), *steps)
    _, spent = await spent_on_failure(wire_client)
    assert counts(spent) == (PROMPT, OUTPUT, 0, PROMPT + OUTPUT)


async def test_thoughts_are_an_answer_although_no_text_comes(
    wire_client: GeminiClient, server: WireServer
) -> None:
    thought = event(candidates=[{"content": {"parts": [{"text": "Let me see.", "thought": True}]}}])
    server.answers(thought, "reset")
    error, spent = await spent_on_failure(wire_client)
    assert type(error) is GeminiUnavailable
    assert counts(spent) == (PROMPT, 0, 0, PROMPT)


@pytest.mark.parametrize("told", [{}, {"promptTokenCount": 12, "totalTokenCount": 12}])
async def test_a_blocked_prompt_costs_what_was_told_without_an_estimate(
    wire_client: GeminiClient, server: WireServer, told: dict[str, int]
) -> None:
    server.answers(event(promptFeedback={"blockReason": "SAFETY"}, usageMetadata=told))
    error, spent = await spent_on_failure(wire_client)
    assert isinstance(error, ContentBlocked)
    assert spent.total_tokens == told.get("promptTokenCount", 0)


FIRST_TOKEN = {"first_token_seconds": 0.3}
DEADLINE = {"deadline_seconds": 0.3}


@pytest.mark.parametrize(
    ("steps", "head", "limits", "kind"),
    [
        ((), {"status": 429}, {}, GeminiRateLimited),
        ((), {"status": 503}, {}, GeminiUnavailable),
        ((b"{broken",), {"status": 503, "content_type": "application/json"}, {}, GeminiUnavailable),
        ((b"\xff\xfe",), {"status": 502, "content_type": "text/html"}, {}, GeminiUnavailable),
        ((b"<html>Sign in</html>",), {"content_type": "text/html"}, {}, GeminiUnavailable),
        ((b"<html>Sign in</html>",), {"content_type": "text/plain"}, {}, GeminiUnavailable),
        ((b"<html>Sign in</html>",), {"content_type": "text/event-stream"}, {}, GeminiBadAnswer),
        ((event(),), {"status": 202}, {}, GeminiUnavailable),
        ((), {"status": 304}, {}, GeminiUnavailable),
        (("reset",), {}, {}, GeminiUnavailable),
        ((OVERLOADED,), {}, {}, GeminiUnavailable),
        ((event(error={"message": "boom"}),), {}, {}, GeminiUnavailable),
        (("hold",), {}, FIRST_TOKEN, GeminiTimedOut),
        (("hold",), {}, DEADLINE, GeminiTimedOut),
        ((event(), b": ping\n\n", "hold"), {}, FIRST_TOKEN, GeminiTimedOut),
    ],
)
async def test_a_failure_before_an_answer_costs_nothing_and_is_withdrawn(
    server: WireServer, journal: Journal, steps: Any, head: Any, limits: Any, kind: type[GeminiError]
) -> None:
    server.answers(*steps, **head)
    async with open_client(server.url, replace(LIMITS, **limits)) as client:
        error, spent = await spent_on_failure(client, journal)
    assert type(error) is kind
    assert spent == NOTHING_USED
    assert journal.entries[0] == ("record", 0)
    assert [entry for entry, _ in journal.entries] == ["record", "withdraw"]


@pytest.mark.parametrize("steps", [(b": nothing\n\n",), (b"data: {broken\n\n",)], ids=["empty", "unreadable"])
async def test_an_answer_of_which_nothing_can_be_read_costs_nothing(
    wire_client: GeminiClient, server: WireServer, journal: Journal, steps: Any
) -> None:
    server.answers(*steps)
    error, spent = await spent_on_failure(wire_client, journal)
    assert type(error) is GeminiBadAnswer
    assert spent == NOTHING_USED
    assert [entry for entry, _ in journal.entries] == ["record", "withdraw"]


async def test_a_call_that_was_left_before_its_connection_stood_costs_nothing(journal: Journal) -> None:
    """A server whose backlog is full: connections to it neither succeed nor fail."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [await begin_connection(listening.getsockname()) for _ in range(8)]
        async with open_client("http://{}:{}".format(*listening.getsockname()), LIMITS) as client:
            async with client.stream(CALL, journal) as stream:
                await until(lambda: asyncio.sleep(0, journal.entries))
                assert stream.spent == NOTHING_USED
            assert stream.spent == NOTHING_USED
        for connecting in waiting:
            connecting.close()


async def begin_connection(address: tuple[str, int]) -> socket.socket:
    """Begins to connect, and does not wait for it."""
    connecting = socket.socket()
    connecting.setblocking(False)
    connecting.connect_ex(address)
    return connecting


async def test_a_redirect_is_not_followed_with_the_key_and_what_was_said(
    wire_client: GeminiClient, server: WireServer, unused_tcp_port_factory: Any
) -> None:
    async with wire_server(unused_tcp_port_factory()) as other:
        other.answers(event(candidates=[{"content": {"parts": [{"text": WORDS}]}, "finishReason": "STOP"}]))
        server.answers(status=307, headers={"Location": f"{other.url}/v1beta/models/any:generateContent"})
        error, spent = await spent_on_failure(wire_client)
    assert type(error) is GeminiUnavailable
    assert (spent, other.requests) == (NOTHING_USED, [])


async def test_a_refused_connection_costs_nothing(unused_tcp_port: int) -> None:
    async with open_client(f"http://127.0.0.1:{unused_tcp_port}", LIMITS) as client:
        _, spent = await spent_on_failure(client)
    assert spent == NOTHING_USED
