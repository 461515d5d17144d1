"""The circuit: when it opens, what it does while open, how it closes."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from cara.gemini.client import GeminiCall
from cara.gemini.errors import GeminiCircuitOpen, GeminiError, GeminiRateLimited, GeminiUnavailable
from cara.gemini.resilience import GeminiBreaker
from tests.gemini.clients import NO_TIMEOUTS, ask_gemini, open_client

LIMITS = replace(NO_TIMEOUTS, attempts=1, breaker_failures=3)
CALL = GeminiCall("Coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500)


class MovableClock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
async def client(emulator, clock):
    async with open_client(emulator.url, LIMITS, clock) as client:
        yield client


async def fails(client, times):
    for _ in range(times):
        with pytest.raises(GeminiError):
            await ask_gemini(client, CALL)


@pytest.fixture
def cooled_down(client, clock):
    """Puts the clock forward by as much as a refusal says."""

    async def put_forward():
        with pytest.raises(GeminiCircuitOpen) as refused:
            await ask_gemini(client, CALL)
        clock.seconds += refused.value.retry_after_seconds

    return put_forward


@pytest.mark.parametrize("fault", ["internal", "unavailable", "drop_connection", "stall"])
async def test_an_outage_opens_the_circuit_and_calls_are_refused_at_once(emulator, fault):
    emulator.emulator.fail_next(fault, times=3)
    limits = replace(LIMITS, first_token_seconds=0.2) if fault == "stall" else LIMITS
    async with open_client(emulator.url, limits) as client:
        await fails(client, 3)
        assert client.circuit == "open"
        for ask in (ask_gemini(client, CALL), client.count_tokens(CALL)):
            with pytest.raises(GeminiCircuitOpen) as refused:
                await ask
            assert 0 < refused.value.retry_after_seconds <= limits.breaker_cooldown_seconds
    assert emulator.emulator.ledger.calls == 3


async def test_a_gemini_that_cannot_be_reached_opens_it(unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with open_client(url, LIMITS) as client:
        for _ in range(3):
            with pytest.raises(GeminiUnavailable):
                await ask_gemini(client, CALL)
        assert client.circuit == "open"


@pytest.mark.parametrize("fault", ["rate_limited", "bad_request", "blocked_answer", "broken_json", "bad_key"])
async def test_what_is_no_outage_does_not_open_it(client, emulator, fault):
    call = GeminiCall(CALL.system_instruction, CALL.contents, 500, response_schema={"type": "object"})
    emulator.emulator.fail_rate(fault, 1.0)
    for _ in range(5):
        with pytest.raises(GeminiError):
            await ask_gemini(client, call)
    assert client.circuit == "closed"


async def test_one_good_probe_closes_it(client, emulator, cooled_down):
    emulator.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down()
    assert (await ask_gemini(client, CALL)).text
    assert client.circuit == "closed"


async def test_a_bad_probe_opens_it_again(client, emulator, cooled_down):
    emulator.emulator.fail_next("unavailable", times=4)
    await fails(client, 3)
    await cooled_down()
    await fails(client, 1)
    assert client.circuit == "open"
    with pytest.raises(GeminiCircuitOpen):
        await ask_gemini(client, CALL)


async def test_after_the_cooldown_only_one_of_many_calls_is_made(client, emulator, cooled_down):
    emulator.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down()
    asked_before = emulator.emulator.ledger.calls
    results = await asyncio.gather(*(ask_gemini(client, CALL) for _ in range(20)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, GeminiCircuitOpen)]
    assert len(refused) == 19
    assert emulator.emulator.ledger.calls == asked_before + 1
    assert client.circuit == "closed"


async def test_a_rate_limited_or_cancelled_probe_leaves_the_circuit_half_open(client, emulator, cooled_down):
    emulator.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down()
    emulator.emulator.fail_next("rate_limited")
    with pytest.raises(GeminiRateLimited):
        await ask_gemini(client, CALL)
    assert client.circuit == "half_open"
    emulator.emulator.fail_next("stall")
    probe = asyncio.create_task(ask_gemini(client, CALL))
    await emulator.emulator.until(lambda ledger: ledger.calls == 5)
    probe.cancel()
    await asyncio.wait([probe])
    assert (await ask_gemini(client, CALL)).text
    assert client.circuit == "closed"


async def test_the_first_chunk_of_a_probe_closes_the_circuit(client, emulator, cooled_down):
    emulator.emulator.fail_next("unavailable", times=3)
    await fails(client, 3)
    await cooled_down()
    emulator.emulator.fail_next("stall_midstream")
    async with client.stream(CALL) as probe:
        await anext(probe)
        assert client.circuit == "closed"
        client.ensure_available()
        assert (await ask_gemini(client, CALL)).text
        emulator.emulator.fail_next("unavailable", times=3)
        await fails(client, 3)
        await cooled_down()
        assert (await ask_gemini(client, CALL)).text


async def test_an_open_circuit_stops_the_retries_of_calls_under_way(emulator):
    limits = replace(NO_TIMEOUTS, attempts=5, breaker_failures=2)
    emulator.emulator.fail_next("unavailable", times=99)
    async with open_client(emulator.url, limits) as client:
        with pytest.raises(GeminiCircuitOpen):
            await ask_gemini(client, CALL)
    assert emulator.emulator.ledger.calls == 2


async def one_call(breaker, *, failed):
    with suppress(GeminiUnavailable):
        async with breaker.guard():
            if failed:
                raise GeminiUnavailable


async def test_it_opens_once_half_of_at_least_twenty_calls_failed_though_never_two_in_a_row(clock):
    breaker = GeminiBreaker(failures=5, cooldown_seconds=10, clock=clock)
    for number in range(20):
        assert breaker.state == "closed"
        await one_call(breaker, failed=number % 2 == 0)
    assert breaker.state == "open"


async def test_only_the_latest_fifty_calls_count(clock):
    breaker = GeminiBreaker(failures=99, cooldown_seconds=10, clock=clock)
    for _ in range(50):
        await one_call(breaker, failed=False)
    for _ in range(24):
        await one_call(breaker, failed=True)
    assert breaker.state == "closed"
    await one_call(breaker, failed=True)
    assert breaker.state == "open"


async def test_it_is_open_for_the_cooldown_and_says_how_much_of_it_remains(clock):
    breaker = GeminiBreaker(failures=1, cooldown_seconds=10, clock=clock)
    await one_call(breaker, failed=True)
    clock.seconds += 4
    with pytest.raises(GeminiCircuitOpen) as refused:
        breaker.check()
    assert refused.value.retry_after_seconds == 6
    clock.seconds += 6
    assert breaker.state == "half_open"
    breaker.check()


async def test_calls_from_before_the_outage_neither_close_the_circuit_nor_open_it_again(clock):
    breaker = GeminiBreaker(failures=1, cooldown_seconds=10, clock=clock)
    answered, failing = breaker.guard(), breaker.guard()
    call = await answered.__aenter__()
    await failing.__aenter__()
    await one_call(breaker, failed=True)
    clock.seconds += 10
    async with breaker.guard():
        call.answering()
        await answered.__aexit__(None, None, None)
        assert breaker.state == "half_open"
    assert breaker.state == "closed"
    await failing.__aexit__(GeminiUnavailable, GeminiUnavailable(), None)
    assert breaker.state == "closed"
