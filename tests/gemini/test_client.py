"""The client against the emulator: answers, usage, what goes over the wire, how many calls are in flight."""

import asyncio
from dataclasses import replace

import pytest

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.server import running_emulator
from cara.gemini.calls import NOTHING_USED
from cara.gemini.client import GeminiCall, GeminiClient
from cara.gemini.errors import GeminiBusy, GeminiMisconfigured, GeminiUnavailable
from tests.gemini.clients import MODEL, NO_TIMEOUTS, ask_gemini

SCHEMA = {
    "type": "object",
    "properties": {"quote": {"type": "string"}, "score": {"type": "integer", "minimum": 0, "maximum": 100}},
    "required": ["quote", "score"],
}


@pytest.fixture
async def running():
    async with running_emulator(EmulatorSettings(chunk_delay_seconds=0.002, thinking_tokens=5)) as running:
        yield running


@pytest.fixture
async def client(running):
    client = GeminiClient(api_key="any", model=MODEL, base_url=running.url)
    yield client
    await client.close()


def said(text, **details):
    contents = [{"role": "user", "parts": [{"text": text}]}]
    return GeminiCall("You are a coach.", contents, details.pop("max_output_tokens", 500), **details)


async def test_an_answer_comes_with_the_usage_that_gemini_states(client, running):
    answer = await ask_gemini(client, said("I want to speak about our garden."))
    ledger = running.emulator.ledger
    assert "garden" in answer.text
    assert answer.model == f"cara-emulator/{MODEL}"
    assert (answer.data, answer.truncated) == (None, False)
    assert answer.usage.prompt_tokens == ledger.prompt_tokens
    assert answer.usage.thinking_tokens == 5
    assert answer.usage.total_tokens == ledger.total_tokens


async def test_a_schema_makes_the_answer_json(client):
    answer = await ask_gemini(client, said("The bridge holds. We measured it.", response_schema=SCHEMA))
    assert answer.data["quote"] in "The bridge holds. We measured it."
    assert 0 <= answer.data["score"] <= 100


async def test_an_answer_cut_at_the_output_limit_says_so(client):
    answer = await ask_gemini(client, said("Tell me everything.", max_output_tokens=10))
    assert answer.truncated
    assert answer.usage.output_tokens == 5


async def test_the_request_is_what_was_asked_and_nothing_more(client, running):
    await ask_gemini(client, said("Hello there.", response_schema=SCHEMA, thinking_level="low"))
    asked = running.emulator.requests[-1]
    assert set(asked.body) == {"contents", "systemInstruction", "generationConfig"}
    assert asked.body["systemInstruction"]["parts"] == [{"text": "You are a coach."}]
    config = asked.body["generationConfig"]
    assert set(config) == {"maxOutputTokens", "responseMimeType", "responseJsonSchema", "thinkingConfig"}
    assert config["responseJsonSchema"] == SCHEMA
    assert running.emulator.ledger.calls == 1


async def test_tokens_counted_beforehand_are_those_charged_for_the_prompt(client):
    call = said("How many tokens is this, with its schema?", response_schema=SCHEMA)
    assert await client.count_tokens(call) == (await ask_gemini(client, call)).usage.prompt_tokens


async def test_the_chunks_of_a_stream_make_the_answer_and_its_last_usage_holds(client, running):
    async with client.stream(said("Ask me about my thesis.")) as stream:
        chunks = [chunk async for chunk in stream]
    assert len(chunks) > 2
    assert "".join(chunk.text for chunk in chunks) == stream.answer.text == stream.text
    assert stream.answer.usage == stream.spent
    assert stream.spent.total_tokens == running.emulator.ledger.total_tokens


async def test_a_stream_read_to_its_end_stays_at_its_end(client):
    async with client.stream(said("Short.")) as stream:
        with pytest.raises(RuntimeError):
            _ = stream.answer
        assert [chunk async for chunk in stream]
        assert [chunk async for chunk in stream] == []


async def test_leaving_a_stream_ends_the_call_at_gemini_and_keeps_what_it_cost(client, running):
    async with client.stream(said("A very long story about a river and a boat, please.")) as stream:
        await anext(stream)
        early = stream.spent
    ledger = await running.emulator.until(lambda ledger: ledger.aborted == 1)
    assert ledger.finished == 0
    assert ledger.in_flight == 0
    assert early.prompt_tokens == stream.spent.prompt_tokens == ledger.prompt_tokens
    assert 0 < early.output_tokens <= stream.spent.output_tokens


async def test_a_cancelled_call_ends_at_gemini_too(running):
    running.emulator.fail_next("stall")
    client = GeminiClient(api_key="any", model=MODEL, base_url=running.url)
    asking = asyncio.create_task(ask_gemini(client, said("Hello?")))
    await running.emulator.until(lambda ledger: ledger.calls == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await running.emulator.until(lambda ledger: ledger.aborted == 1 and ledger.in_flight == 0)
    await client.close()


async def test_closing_ends_open_streams_with_an_error_for_their_readers(running):
    running.emulator.fail_next("stall_midstream")
    client = GeminiClient(api_key="any", model=MODEL, base_url=running.url)
    async with client.stream(said("Please talk to me about the sea.")) as stream:
        await anext(stream)
        await client.close()
        with pytest.raises(GeminiUnavailable) as ended:
            [chunk async for chunk in stream]
    assert ended.value.usage == stream.spent != NOTHING_USED
    await running.emulator.until(lambda ledger: ledger.aborted == 1)


async def test_calls_in_flight_never_exceed_their_limit(running):
    limits = replace(NO_TIMEOUTS, max_in_flight=4)
    client = GeminiClient(api_key="any", model=MODEL, base_url=running.url, limits=limits)
    answers = await asyncio.gather(
        *(ask_gemini(client, said(f"Talk number {number}.")) for number in range(30))
    )
    ledger = running.emulator.ledger
    assert ledger.peak_in_flight == 4
    assert sum(answer.usage.total_tokens for answer in answers) == ledger.total_tokens
    assert (ledger.calls, ledger.finished, ledger.in_flight) == (30, 30, 0)
    await client.close()


async def test_a_call_that_waits_too_long_for_a_slot_is_refused_as_busy(running):
    limits = replace(NO_TIMEOUTS, max_in_flight=1, slot_wait_seconds=0.05)
    client = GeminiClient(api_key="any", model=MODEL, base_url=running.url, limits=limits)
    running.emulator.fail_next("stall")
    first = asyncio.create_task(ask_gemini(client, said("I hold the only place.")))
    await running.emulator.until(lambda ledger: ledger.calls == 1)
    with pytest.raises(GeminiBusy):
        await ask_gemini(client, said("And me?"))
    assert running.emulator.ledger.calls == 1
    first.cancel()
    await asyncio.wait([first])
    assert (await ask_gemini(client, said("Now me."))).text
    await client.close()


async def test_an_unknown_model_is_the_operators_fault(running):
    client = GeminiClient(api_key="any", model="no-such-model", base_url=running.url)
    with pytest.raises(GeminiMisconfigured) as wrong:
        await ask_gemini(client, said("Hello."))
    assert "no-such-model" in wrong.value.cause
    assert "no-such-model" not in wrong.value.detail
    await client.close()
