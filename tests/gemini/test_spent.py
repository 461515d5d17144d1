"""What a call costs by what was told and what was received, and what its journal records."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cara.errors import Unavailable
from cara.gemini.calls import NOTHING_USED, GeminiCall, GeminiUsage
from cara.gemini.client import GeminiClient
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiBusy,
    GeminiCircuitOpen,
    GeminiError,
    GeminiInterrupted,
    GeminiRateLimited,
    GeminiTimedOut,
    GeminiUnavailable,
)
from cara.gemini.tokens import estimate_prompt, estimate_tokens
from tests.gemini.clients import NO_TIMEOUTS, open_client
from tests.gemini.wire_server import WireServer, chunk, event

CALL = GeminiCall(
    "You are a coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500
)
PROMPT = estimate_prompt(CALL)
WORDS = "Trains are a fine subject for a talk. " * 5
OUTPUT = estimate_tokens(WORDS)
LIMITS = replace(NO_TIMEOUTS, attempts=1)
OVERLOADED = event(error={"code": 503, "message": "overloaded", "status": "UNAVAILABLE"})


class Journal:
    """Notes what is recorded and withdrawn, and how many requests had come by then."""

    def __init__(self, server: WireServer) -> None:
        self._server = server
        self.entries: list[tuple[str, int]] = []
        self.record_error: Exception | None = None
        self.withdraw_error: Exception | None = None
        self.noted = asyncio.Event()

    async def record(self) -> None:
        self.entries.append(("record", len(self._server.requests)))
        if self.record_error:
            raise self.record_error

    async def withdraw(self) -> None:
        self.entries.append(("withdraw", len(self._server.requests)))
        self.noted.set()
        if self.withdraw_error:
            raise self.withdraw_error


@pytest.fixture
def journal(server: WireServer) -> Journal:
    return Journal(server)


def counts(usage: GeminiUsage) -> tuple[int, int, int, int]:
    return usage.prompt_tokens, usage.output_tokens, usage.thinking_tokens, usage.total_tokens


async def spent_on_answer(client: GeminiClient) -> GeminiUsage:
    async with client.stream(CALL) as stream:
        async for _ in stream:
            pass
    assert stream.answer.usage == stream.spent
    return stream.spent


async def spent_on_failure(client: GeminiClient, journal: Journal | None = None) -> tuple[Any, GeminiUsage]:
    async with client.stream(CALL, journal) as stream:
        with pytest.raises(GeminiError) as failed:
            async for _ in stream:
                pass
    assert failed.value.usage == stream.spent
    return failed.value, stream.spent


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
            (2**31 - 1, 2**31 - 1, 0, 2**31 - 1),
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
async def test_an_answer_of_which_nothing_can_be_read_costs_its_prompt(
    wire_client: GeminiClient, server: WireServer, journal: Journal, steps: Any
) -> None:
    server.answers(*steps)
    error, spent = await spent_on_failure(wire_client, journal)
    assert type(error) is GeminiBadAnswer
    assert counts(spent) == (PROMPT, 0, 0, PROMPT)
    assert journal.entries == [("record", 0)]


async def test_a_refused_connection_costs_nothing(unused_tcp_port: int) -> None:
    async with open_client(f"http://127.0.0.1:{unused_tcp_port}", LIMITS) as client:
        _, spent = await spent_on_failure(client)
    assert spent == NOTHING_USED


async def test_every_attempt_is_recorded_before_it_is_sent(server: WireServer, journal: Journal) -> None:
    server.answers(status=503)
    server.answers(chunk(WORDS, finish="STOP"))
    async with (
        open_client(server.url, replace(LIMITS, attempts=2)) as client,
        client.stream(CALL, journal) as stream,
    ):
        async for _ in stream:
            pass
    assert stream.spent.total_tokens == PROMPT + OUTPUT
    assert journal.entries == [("record", 0), ("withdraw", 1), ("record", 1)]


async def test_a_call_that_waits_for_a_slot_is_withdrawn_and_recorded_once_it_has_one(
    server: WireServer, journal: Journal
) -> None:
    server.answers("hold")
    server.answers(chunk(WORDS, finish="STOP"))
    async with open_client(server.url, replace(LIMITS, max_in_flight=1)) as client:
        async with client.stream(CALL):
            await server.arrived.wait()
            waiting = client.stream(CALL, journal)
            stream = await waiting.__aenter__()
            await journal.noted.wait()
            assert journal.entries == [("withdraw", 1)]
            assert stream.spent == NOTHING_USED
        assert [found.text async for found in stream] == [WORDS]
        await waiting.__aexit__(None, None, None)
    assert journal.entries == [("withdraw", 1), ("record", 1)]


@pytest.mark.parametrize("kind", [GeminiBusy, GeminiCircuitOpen])
async def test_a_call_that_is_never_sent_is_withdrawn_and_costs_nothing(
    server: WireServer, journal: Journal, kind: type[GeminiError]
) -> None:
    server.answers(status=503)
    limits = replace(LIMITS, max_in_flight=1, slot_wait_seconds=0.01, breaker_failures=1)
    async with open_client(server.url, limits) as client:
        if kind is GeminiBusy:
            server.replies[:] = []
            server.answers("hold")
            holding = client.stream(CALL)
            await holding.__aenter__()
            await server.arrived.wait()
        else:
            await spent_on_failure(client)
        error, spent = await spent_on_failure(client, journal)
        assert (type(error), spent) == (kind, NOTHING_USED)
        assert set(journal.entries) == {("withdraw", 1)}
        if kind is GeminiBusy:
            await holding.__aexit__(None, None, None)


@pytest.mark.parametrize("error", [Unavailable(), RuntimeError("ours"), OSError(), TimeoutError()])
async def test_nothing_is_sent_if_it_cannot_be_recorded_and_the_reader_learns_why(
    wire_client: GeminiClient, server: WireServer, journal: Journal, error: Exception
) -> None:
    server.answers(chunk(WORDS, finish="STOP"))
    journal.record_error = error
    async with wire_client.stream(CALL, journal) as stream:
        with pytest.raises(type(error)) as raised:
            await anext(stream)
    assert raised.value is error
    assert (server.requests, stream.spent) == ([], NOTHING_USED)
    journal.record_error = None
    async with wire_client.stream(CALL, journal) as stream:
        assert (await anext(stream)).text == WORDS


async def test_a_record_that_cannot_be_withdrawn_is_logged_and_the_failure_stays_what_it_is(
    wire_client: GeminiClient, server: WireServer, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(status=429)
    journal.withdraw_error = Unavailable()
    error, _ = await spent_on_failure(wire_client, journal)
    assert type(error) is GeminiRateLimited
    assert "could not be withdrawn" in caplog.text


async def test_an_interrupted_answer_is_not_withdrawn(
    wire_client: GeminiClient, server: WireServer, journal: Journal
) -> None:
    server.answers(chunk(WORDS), "reset")
    error, _ = await spent_on_failure(wire_client, journal)
    assert type(error) is GeminiInterrupted
    assert journal.entries == [("record", 0)]
