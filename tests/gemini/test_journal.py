"""What the journal of a call records and withdraws, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cara.errors import Unavailable
from cara.gemini.calls import NOTHING_USED
from cara.gemini.client import GeminiClient
from cara.gemini.errors import (
    GeminiBusy,
    GeminiCircuitOpen,
    GeminiError,
    GeminiInterrupted,
    GeminiRateLimited,
)
from tests.gemini.clients import open_client
from tests.gemini.spending import CALL, LIMITS, OUTPUT, PROMPT, WORDS, Journal, spent_on_failure
from tests.gemini.wire_server import WireServer, chunk


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
