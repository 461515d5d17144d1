"""Which failures are tried again, when, and at whose cost."""

import asyncio

import pytest

from cara.emulator.emulator import EmulatorSettings
from cara.emulator.faults import Fault, PlannedFault
from cara.emulator.serving import running_emulator
from cara.gemini.client import GeminiCall, GeminiClient, GeminiLimits
from cara.gemini.errors import GeminiBadAnswer, GeminiError, GeminiRateLimited, GeminiUnavailable

LIMITS = GeminiLimits(deadline_seconds=3, attempts=3, breaker_failures=99)
CALL = GeminiCall("Coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500)


@pytest.fixture
async def running():
    async with running_emulator(EmulatorSettings(chunk_delay_seconds=0.001)) as running:
        yield running


@pytest.fixture
async def client(running):
    client = GeminiClient(api_key="any", model="gemini-3.8-flash", base_url=running.url, limits=LIMITS)
    yield client
    await client.close()


async def streamed(client):
    async with client.stream(CALL) as stream:
        async for _ in stream:
            pass
    return stream.answer


async def whole(client):
    return await client.generate(CALL)


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("fault", ["internal", "unavailable", "bad_gateway"])
async def test_a_passing_failure_is_tried_again_and_charged_once(client, running, ask, fault):
    running.emulator.fail_next(fault)
    answer = await ask(client)
    assert running.emulator.ledger.calls == 2
    assert answer.usage.total_tokens == running.emulator.ledger.total_tokens


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_the_delay_that_gemini_asks_for_is_kept(client, running, ask):
    running.emulator.fail_next(PlannedFault(Fault.RATE_LIMITED, retry_delay_seconds=0.4))
    await ask(client)
    first, second = (asked.arrived_at for asked in running.emulator.requests)
    assert second - first >= 0.4


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_a_delay_beyond_the_deadline_fails_at_once_and_is_passed_on(client, running, ask):
    running.emulator.fail_next(PlannedFault(Fault.RATE_LIMITED, retry_delay_seconds=60))
    async with asyncio.timeout(2):
        with pytest.raises(GeminiRateLimited) as limited:
            await ask(client)
    assert limited.value.retry_after_seconds == 60
    assert running.emulator.ledger.calls == 1


async def test_the_number_of_attempts_is_bounded(client, running):
    running.emulator.fail_next("internal", times=9)
    with pytest.raises(GeminiUnavailable):
        await client.generate(CALL)
    assert running.emulator.ledger.calls == 3


@pytest.mark.parametrize("fault", ["drop_connection", "error_midstream", "cut_stream", "stall_midstream"])
async def test_nothing_is_tried_again_once_text_was_streamed(running, fault):
    limits = GeminiLimits(deadline_seconds=3, between_chunks_seconds=0.1)
    client = GeminiClient(api_key="any", model="gemini-3.8-flash", base_url=running.url, limits=limits)
    running.emulator.fail_next(fault)
    with pytest.raises(GeminiError):
        await streamed(client)
    assert running.emulator.ledger.calls == 1
    await client.close()


@pytest.mark.parametrize("fault", ["bad_key", "bad_request", "blocked_prompt", "blocked_answer"])
async def test_what_will_fail_again_is_not_tried_again(client, running, fault):
    running.emulator.fail_next(fault)
    with pytest.raises(GeminiError):
        await client.generate(CALL)
    assert running.emulator.ledger.calls == 1


async def test_an_answer_that_was_paid_for_is_not_asked_for_again(client, running):
    running.emulator.fail_next("cut_stream")
    with pytest.raises(GeminiBadAnswer):
        await client.generate(CALL)
    assert running.emulator.ledger.calls == 1


async def test_a_lost_connection_is_tried_again_before_any_text(client, running):
    running.emulator.fail_next("drop_connection")
    assert (await client.generate(CALL)).text
    assert running.emulator.ledger.calls == 2


async def test_among_many_failures_every_answer_is_charged_exactly_once(client, running):
    running.emulator.fail_rate("unavailable", 0.3, seed=3)
    results = await asyncio.gather(
        *((whole if number % 2 else streamed)(client) for number in range(40)), return_exceptions=True
    )
    answered = [result for result in results if not isinstance(result, BaseException)]
    assert all(
        isinstance(result, GeminiUnavailable) for result in results if isinstance(result, BaseException)
    )
    assert len(answered) > 30
    assert sum(answer.usage.total_tokens for answer in answered) == running.emulator.ledger.total_tokens
