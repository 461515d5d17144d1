"""Which failures are retried, when, and what that costs."""

import asyncio
import json
from dataclasses import replace

import pytest

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.gemini.client import GeminiCall
from cara.gemini.errors import GeminiError, GeminiRateLimited, GeminiUnavailable
from tests.gemini.clients import NO_TIMEOUTS, ask_gemini, open_client

LIMITS = replace(NO_TIMEOUTS, attempts=3)
CALL = GeminiCall("Coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500)


@pytest.fixture
async def client(emulator):
    async with open_client(emulator.url, LIMITS) as client:
        yield client


@pytest.mark.parametrize("fault", ["internal", "unavailable", "bad_gateway"])
async def test_a_transient_failure_is_retried_and_charged_once(client, emulator, fault):
    emulator.emulator.fail_next(fault)
    answer = await ask_gemini(client, CALL)
    assert emulator.emulator.ledger.calls == 2
    assert answer.usage.total_tokens == emulator.emulator.ledger.total_tokens


async def test_the_delay_that_gemini_asks_for_is_kept(client, emulator):
    emulator.emulator.fail_next(PlannedFault(Fault.RATE_LIMITED, retry_delay_seconds=0.4))
    await ask_gemini(client, CALL)
    first, second = (asked.arrived_at for asked in emulator.emulator.requests)
    assert second - first >= 0.4


async def test_a_delay_beyond_the_deadline_fails_at_once_and_is_passed_on(client, emulator):
    delay = LIMITS.deadline_seconds + 1
    emulator.emulator.fail_next(PlannedFault(Fault.RATE_LIMITED, retry_delay_seconds=delay))
    async with asyncio.timeout(LIMITS.deadline_seconds / 2):
        with pytest.raises(GeminiRateLimited) as limited:
            await ask_gemini(client, CALL)
    assert limited.value.retry_after_seconds == delay
    assert emulator.emulator.ledger.calls == 1


async def test_the_number_of_attempts_is_bounded(client, emulator):
    emulator.emulator.fail_next("internal", times=9)
    with pytest.raises(GeminiUnavailable):
        await ask_gemini(client, CALL)
    assert emulator.emulator.ledger.calls == 3


@pytest.mark.parametrize("fault", ["drop_connection", "error_midstream", "cut_stream", "stall_midstream"])
async def test_nothing_is_retried_once_text_was_streamed(emulator, fault):
    limits = replace(LIMITS, between_chunks_seconds=0.5)
    emulator.emulator.fail_next(fault)
    async with open_client(emulator.url, limits) as client:
        with pytest.raises(GeminiError):
            await ask_gemini(client, CALL)
    assert emulator.emulator.ledger.calls == 1


@pytest.mark.parametrize("fault", ["bad_key", "bad_request", "blocked_prompt", "blocked_answer"])
async def test_permanent_failures_are_not_retried(client, emulator, fault):
    emulator.emulator.fail_next(fault)
    with pytest.raises(GeminiError):
        await ask_gemini(client, CALL)
    assert emulator.emulator.ledger.calls == 1


@pytest.mark.parametrize("fault", [Fault.CUT_STREAM, Fault.ERROR_MIDSTREAM])
async def test_a_prompt_that_was_paid_for_is_not_sent_again(client, emulator, fault):
    emulator.emulator.fail_next(PlannedFault(fault, after_chunks=0))
    with pytest.raises(GeminiError) as failed:
        await ask_gemini(client, CALL)
    assert failed.value.usage.total_tokens == emulator.emulator.ledger.total_tokens > 0
    assert emulator.emulator.ledger.calls == 1


async def test_a_connection_lost_before_any_answer_is_retried(unused_tcp_port):
    asked = []

    async def hang_up(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with (
        await asyncio.start_server(hang_up, "127.0.0.1", unused_tcp_port),
        open_client(url, LIMITS) as client,
    ):
        with pytest.raises(GeminiUnavailable):
            await ask_gemini(client, CALL)
    assert len(asked) == LIMITS.attempts


async def test_a_call_whose_thoughts_had_begun_is_not_made_again_though_nothing_was_counted(unused_tcp_port):
    """Thoughts are billed; the connection breaks before Gemini says how many tokens they were."""
    thought = {"candidates": [{"content": {"parts": [{"text": "Let me see.", "thought": True}]}}]}
    asked = []

    async def think_and_hang_up(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n"
        writer.write(head + f"data: {json.dumps(thought)}\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with (
        await asyncio.start_server(think_and_hang_up, "127.0.0.1", unused_tcp_port),
        open_client(url, LIMITS) as client,
    ):
        with pytest.raises(GeminiUnavailable):
            await ask_gemini(client, CALL)
    assert len(asked) == 1


async def test_among_failures_every_answer_is_charged_exactly_once(client, emulator):
    emulator.emulator.fail_rate("unavailable", 0.2, seed=3)
    answers = await asyncio.gather(*(ask_gemini(client, CALL) for _ in range(40)))
    ledger = emulator.emulator.ledger
    assert ledger.calls - ledger.refused == 40
    assert ledger.refused > 5
    assert sum(answer.usage.total_tokens for answer in answers) == ledger.total_tokens
