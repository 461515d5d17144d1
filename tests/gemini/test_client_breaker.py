"""The circuit: when it opens, what it does while open, how it closes."""

import asyncio

import pytest

from cara.emulator.emulator import EmulatorSettings
from cara.emulator.serving import running_emulator
from cara.gemini.client import GeminiCall, GeminiClient, GeminiLimits
from cara.gemini.errors import (
    GeminiCircuitOpen,
    GeminiError,
    GeminiInterrupted,
    GeminiRateLimited,
    GeminiUnavailable,
)

LIMITS = GeminiLimits(
    deadline_seconds=2, first_token_seconds=0.2, attempts=1, breaker_failures=3, breaker_cooldown_seconds=0.3
)
CALL = GeminiCall("Coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500)


@pytest.fixture
async def running():
    async with running_emulator(EmulatorSettings(chunk_delay_seconds=0.001)) as running:
        yield running


@pytest.fixture
async def client(running):
    client = GeminiClient(api_key="any", model="gemini-3.8-flash", base_url=running.url, limits=LIMITS)
    await client.warm_up()
    yield client
    await client.close()


async def fails(client, times):
    for _ in range(times):
        with pytest.raises(GeminiError):
            await client.generate(CALL)


async def streamed(client):
    async with client.stream(CALL) as stream:
        async for _ in stream:
            pass
    return stream.answer


async def cooled_down(client):
    """Waits as long as the refusal says."""
    with pytest.raises(GeminiCircuitOpen) as refused:
        await client.generate(CALL)
    await asyncio.sleep(refused.value.retry_after_seconds + 0.01)


@pytest.mark.parametrize("fault", ["internal", "unavailable", "drop_connection"])
async def test_an_outage_opens_the_circuit_and_calls_are_refused_at_once(client, running, fault):
    running.emulator.fail_next(fault, times=3)
    await fails(client, 3)
    assert client.circuit == "open"
    for ask in (client.generate(CALL), streamed(client), client.count_tokens(CALL)):
        with pytest.raises(GeminiCircuitOpen) as refused:
            await ask
        assert 0 < refused.value.retry_after_seconds <= 0.3
    assert running.emulator.ledger.calls == 3


async def test_time_outs_of_streams_open_it_too(client, running):
    running.emulator.fail_next("stall", times=3)
    for _ in range(3):
        with pytest.raises(GeminiError):
            await streamed(client)
    assert client.circuit == "open"


async def test_streams_that_the_network_cuts_open_it_too(client, running):
    running.emulator.fail_next("drop_connection", times=3)
    for _ in range(3):
        with pytest.raises(GeminiInterrupted):
            await streamed(client)
    assert client.circuit == "open"


async def test_a_gemini_that_cannot_be_reached_opens_it(unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    client = GeminiClient(api_key="any", model="gemini-3.8-flash", base_url=url, limits=LIMITS)
    for _ in range(3):
        with pytest.raises(GeminiUnavailable):
            await client.generate(CALL)
    assert client.circuit == "open"
    await client.close()


@pytest.mark.parametrize("fault", ["rate_limited", "bad_request", "blocked_answer", "broken_json", "bad_key"])
async def test_what_is_no_outage_does_not_open_it(client, running, fault):
    call = GeminiCall(CALL.system_instruction, CALL.contents, 500, response_schema={"type": "object"})
    running.emulator.fail_next(fault, times=5)
    for _ in range(5):
        with pytest.raises(GeminiError):
            await client.generate(call)
    assert client.circuit == "closed"


async def test_one_good_probe_closes_it(client, running):
    running.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down(client)
    assert (await client.generate(CALL)).text
    assert client.circuit == "closed"


async def test_a_bad_probe_opens_it_again(client, running):
    running.emulator.fail_next("unavailable", times=4)
    await fails(client, 3)
    await cooled_down(client)
    await fails(client, 1)
    assert client.circuit == "open"
    with pytest.raises(GeminiCircuitOpen):
        await client.generate(CALL)


async def test_after_the_cool_down_only_one_of_a_crowd_asks(client, running):
    running.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down(client)
    asked_before = running.emulator.ledger.calls
    results = await asyncio.gather(*(client.generate(CALL) for _ in range(20)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, GeminiCircuitOpen)]
    assert len(refused) == 19
    assert running.emulator.ledger.calls == asked_before + 1
    assert client.circuit == "closed"


async def test_a_rate_limited_or_cancelled_probe_leaves_the_question_open_for_the_next(client, running):
    running.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down(client)
    running.emulator.fail_next("rate_limited")
    with pytest.raises(GeminiRateLimited):
        await client.generate(CALL)
    assert client.circuit == "half_open"
    running.emulator.fail_next("stall")
    probe = asyncio.create_task(client.generate(CALL))
    await running.emulator.until(lambda ledger: ledger.calls == 5)
    probe.cancel()
    await asyncio.wait([probe])
    assert (await client.generate(CALL)).text
    assert client.circuit == "closed"


async def test_the_first_piece_of_a_probe_lets_all_others_in(client, running):
    running.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down(client)
    running.emulator.fail_next("stall_midstream")
    async with client.stream(CALL) as probe:
        await anext(probe)
        assert client.circuit == "closed"
        client.ensure_available()
        assert (await client.generate(CALL)).text
        running.emulator.fail_next("unavailable", times=3)
        await fails(client, 3)
        await cooled_down(client)
        async with asyncio.timeout(1):
            assert (await client.generate(CALL)).text


async def test_an_open_circuit_stops_the_retries_of_calls_under_way(running):
    limits = GeminiLimits(deadline_seconds=5, attempts=5, breaker_failures=2, breaker_cooldown_seconds=30)
    client = GeminiClient(api_key="any", model="gemini-3.8-flash", base_url=running.url, limits=limits)
    running.emulator.fail_next("unavailable", times=99)
    with pytest.raises(GeminiCircuitOpen):
        await client.generate(CALL)
    assert running.emulator.ledger.calls == 2
    await client.close()
