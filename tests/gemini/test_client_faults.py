"""Every fault of Gemini: which error it raises, what it costs, which limit ends it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from threading import Event

import pytest

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Deviation, Fault, PlannedFault
from cara.devtools.emulator.server import running_emulator
from cara.gemini.calls import NOTHING_USED
from cara.gemini.client import GeminiCall, GeminiClient
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiError,
    GeminiInterrupted,
    GeminiMisconfigured,
    GeminiOutOfRoom,
    GeminiPermanent,
    GeminiRateLimited,
    GeminiRecitation,
    GeminiRefused,
    GeminiTimedOut,
    GeminiTransient,
    GeminiUnavailable,
    LanguageUnsupported,
)
from tests.charges import fits_ledger
from tests.gemini.clients import MODEL, NO_TIMEOUTS, ask_gemini, open_client

LIMITS = replace(NO_TIMEOUTS, attempts=1)
LIMITS_FOR_STALLS = {
    Fault.STALL: {"first_token_seconds": 0.25},
    Fault.STALL_MIDSTREAM: {"between_chunks_seconds": 2},
}
SCHEMA = {"type": "object", "properties": {"quote": {"type": "string"}}, "required": ["quote"]}
CALL = GeminiCall(
    "Judge.",
    [{"role": "user", "parts": [{"text": "We " + "really " * 30 + "tried."}]}],
    2000,
    response_schema=SCHEMA,
)
FAILURES = {
    Fault.RATE_LIMITED: GeminiRateLimited,
    Fault.INTERNAL: GeminiUnavailable,
    Fault.UNAVAILABLE: GeminiUnavailable,
    Fault.BAD_GATEWAY: GeminiUnavailable,
    Fault.BAD_KEY: GeminiMisconfigured,
    Fault.BAD_REQUEST: GeminiRefused,
    Fault.STALL: GeminiTimedOut,
    Fault.STALL_MIDSTREAM: GeminiTimedOut,
    Fault.CUT_STREAM: GeminiBadAnswer,
    Fault.ERROR_MIDSTREAM: GeminiUnavailable,
    Fault.BROKEN_JSON: GeminiBadAnswer,
    Fault.OUT_OF_ROOM: GeminiOutOfRoom,
    Fault.ONLY_THOUGHTS: GeminiOutOfRoom,
    Fault.BLOCKED_PROMPT: ContentBlocked,
    Fault.BLOCKED_ANSWER: ContentBlocked,
    Fault.RECITATION: GeminiRecitation,
    Fault.LANGUAGE: LanguageUnsupported,
    Fault.DROP_CONNECTION: GeminiInterrupted,
}
PERMANENT = {fault for fault, error in FAILURES.items() if issubclass(error, GeminiPermanent)}
UNTOLD = {Fault.STALL_MIDSTREAM, Fault.CUT_STREAM, Fault.DROP_CONNECTION, Fault.ERROR_MIDSTREAM}
"""What ends an answer before the chunk that tells its usage."""


@pytest.fixture
async def client(emulator):
    async with open_client(emulator.url, LIMITS) as client:
        yield client


@pytest.fixture
async def open_client_for(emulator):
    """Opens clients with no timeout but the one that a fault runs into."""
    async with AsyncExitStack() as stack:

        async def opened(fault):
            limits = replace(LIMITS, **LIMITS_FOR_STALLS.get(fault, {}))
            return await stack.enter_async_context(open_client(emulator.url, limits))

        yield opened


async def failure(asking):
    """Returns the error of a call, which comes long before the deadline would end it too."""
    async with asyncio.timeout(LIMITS.deadline_seconds / 2):
        with pytest.raises(GeminiError) as failed:
            await asking
    return failed.value


def test_every_fault_is_covered():
    refused = {Fault.SCHEMA_BREACH, Fault.SCHEMA_REFUSED, Fault.ANY_SCHEMA_REFUSED}
    assert set(FAILURES) | refused == set(Fault)


@pytest.mark.parametrize("fault", [Fault.SCHEMA_BREACH, *Deviation])
async def test_json_that_misses_the_schema_is_an_answer_for_the_caller_to_judge(client, emulator, fault):
    emulator.emulator.fail_next(fault)
    answer = await ask_gemini(client, CALL)
    assert isinstance(answer.data, dict)
    assert answer.usage.total_tokens == emulator.emulator.ledger.total_tokens > 0


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_stream_raises_the_error_of_its_fault(open_client_for, emulator, fault):
    client = await open_client_for(fault)
    # What may be a refusal of the schema is asked again without it.
    emulator.emulator.fail_next(fault, times=2 if fault is Fault.BAD_REQUEST else 1)
    error = await failure(ask_gemini(client, CALL))
    assert type(error) is FAILURES[fault]
    assert isinstance(error, GeminiPermanent if fault in PERMANENT else GeminiTransient)
    charged, ledger = error.usage.total_tokens, emulator.emulator.ledger
    assert charged == ledger.total_tokens or (fault in UNTOLD and fits_ledger(charged, ledger))
    await emulator.emulator.until(lambda ledger: ledger.in_flight == 0)


async def test_a_connection_lost_before_the_first_byte_interrupts_nothing_and_costs_nothing(client, emulator):
    emulator.emulator.fail_next(PlannedFault(Fault.DROP_CONNECTION, after_chunks=0))
    error = await failure(ask_gemini(client, CALL))
    assert type(error) is GeminiUnavailable
    assert error.usage.total_tokens == emulator.emulator.ledger.total_tokens == 0


async def read_on(stream, texts):
    async for chunk in stream:
        texts.append(chunk.text)


@pytest.mark.parametrize("fault", [Fault.STALL_MIDSTREAM, Fault.CUT_STREAM, Fault.BLOCKED_ANSWER])
async def test_what_came_before_the_failure_reaches_the_reader_first(open_client_for, emulator, fault):
    client = await open_client_for(fault)
    emulator.emulator.fail_next(PlannedFault(fault, after_chunks=3))
    async with client.stream(CALL) as stream:
        texts = []
        error = await failure(read_on(stream, texts))
    assert "".join(texts) == stream.text != ""
    assert error.usage == stream.spent != NOTHING_USED


async def test_a_blocked_answer_names_its_category(client, emulator):
    emulator.emulator.fail_next(Fault.BLOCKED_PROMPT)
    blocked = await failure(ask_gemini(client, CALL))
    assert blocked.category == "harassment"
    assert blocked.code == "content_blocked"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.CUT_STREAM, "cut"),
        (Fault.BROKEN_JSON, "not_json"),
        (Fault.OUT_OF_ROOM, "max_tokens"),
        (Fault.ONLY_THOUGHTS, "max_tokens"),
    ],
)
async def test_a_bad_answer_says_what_is_bad_about_it(client, emulator, fault, reason):
    emulator.emulator.fail_next(fault)
    assert (await failure(ask_gemini(client, CALL))).reason == reason


async def test_json_that_ran_into_the_output_limit_is_a_bad_answer(client):
    short = GeminiCall(CALL.system_instruction, CALL.contents, 5, response_schema=SCHEMA)
    assert (await failure(ask_gemini(client, short))).reason == "max_tokens"


async def test_an_answer_without_any_text_is_a_bad_answer(client):
    nothing = GeminiCall("", CALL.contents, 0)
    assert (await failure(ask_gemini(client, nothing))).reason == "max_tokens"


@pytest.mark.parametrize("fault", LIMITS_FOR_STALLS)
async def test_a_call_that_times_out_ends_at_gemini_too(open_client_for, emulator, fault):
    client = await open_client_for(fault)
    emulator.emulator.fail_next(fault)
    await failure(ask_gemini(client, CALL))
    await emulator.emulator.until(lambda ledger: ledger.aborted == 1)


async def test_the_deadline_covers_the_import_of_the_sdk(emulator):
    blocked = Event()
    limits = replace(LIMITS, deadline_seconds=0.3)
    client = GeminiClient(api_key="any", model=MODEL, base_url=emulator.url, limits=limits)
    with ThreadPoolExecutor(1) as only_thread:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(only_thread)
        loop.run_in_executor(None, blocked.wait)
        try:
            for asking in (ask_gemini(client, CALL), client.count_tokens(CALL)):
                assert type(await failure(asking)) is GeminiTimedOut
        finally:
            blocked.set()
    assert client.circuit == "closed"
    await client.close()


async def test_the_deadline_covers_a_slow_stream_that_never_pauses_for_long():
    settings = EmulatorSettings(chunk_delay_seconds=0.5, chunk_characters=4)
    async with running_emulator(settings) as running:
        async with open_client(running.url, replace(LIMITS, deadline_seconds=2)) as client:
            error = await failure(ask_gemini(client, CALL))
        await running.emulator.until(lambda ledger: ledger.aborted == 1)
    assert isinstance(error, GeminiTimedOut)
    assert error.usage != NOTHING_USED


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.BAD_KEY])
async def test_counting_tokens_raises_the_same_errors(client, emulator, fault):
    emulator.emulator.fail_next(PlannedFault(fault, methods=frozenset({"countTokens"})))
    assert type(await failure(client.count_tokens(CALL))) is FAILURES[fault]
