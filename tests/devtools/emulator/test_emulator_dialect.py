"""What the emulator says over plain HTTP, and what the real SDK makes of it."""

import json

import aiohttp
import pytest
from google import genai
from google.genai import errors, types

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.server import running_emulator

QUICK = EmulatorSettings(chunk_delay_seconds=0.001)
MODEL = "gemini-3.8-flash"


@pytest.fixture
async def running():
    async with running_emulator(QUICK) as running:
        yield running


@pytest.fixture
async def sdk(running):
    options = types.HttpOptions(
        base_url=running.url, api_version="v1beta", retry_options=types.HttpRetryOptions(attempts=1)
    )
    client = genai.Client(api_key="any", vertexai=False, http_options=options)
    yield client.aio
    await client.aio.aclose()
    client.close()


@pytest.fixture
async def browser(running):
    async with aiohttp.ClientSession(running.url) as session:
        yield session


def said(text):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


GENERATE = f"/v1beta/models/{MODEL}:generateContent"
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"


async def test_a_call_without_a_key_is_refused_in_googles_error_shape(browser):
    async with browser.post(GENERATE, json=said("Hello")) as response:
        body = await response.json()
    assert response.status == 403
    assert body["error"]["status"] == "PERMISSION_DENIED"


async def test_a_wrong_key_is_answered_400_with_the_reason():
    async with running_emulator(EmulatorSettings(api_key="right")) as running:
        options = types.HttpOptions(base_url=running.url, api_version="v1beta")
        client = genai.Client(api_key="wrong", vertexai=False, http_options=options)
        with pytest.raises(errors.ClientError) as refused:
            await client.aio.models.generate_content(model=MODEL, contents="Hello")
        await client.aio.aclose()
    assert refused.value.code == 400
    assert refused.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


async def test_an_unknown_model_is_not_found(sdk):
    with pytest.raises(errors.ClientError) as refused:
        await sdk.models.generate_content(model="llama-7", contents="Hello")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


@pytest.mark.parametrize("body", [b"{no json", b"[]", b'{"contents": []}', b'{"prompt": "old"}'])
async def test_a_body_without_contents_is_an_invalid_argument(browser, body):
    headers = {"x-goog-api-key": "any", "Content-Type": "application/json"}
    async with browser.post(GENERATE, data=body, headers=headers) as response:
        answer = await response.json()
    assert response.status == 400
    assert answer["error"]["status"] == "INVALID_ARGUMENT"


async def test_a_chat_reply_refers_to_what_was_said_and_names_the_emulator(sdk):
    first = await sdk.models.generate_content(model=MODEL, contents="I negotiate my salary on Tuesday.")
    second = await sdk.models.generate_content(model=MODEL, contents="My sister's wedding speech is short.")
    assert "salary" in first.text
    assert "wedding" in second.text
    assert first.model_version == f"cara-emulator/{MODEL}"


async def test_a_stream_comes_in_chunks_of_which_the_last_one_tells_the_usage(sdk):
    stream = await sdk.models.generate_content_stream(model=MODEL, contents="How do I open a speech well?")
    chunks = [chunk async for chunk in stream]
    outputs = [chunk.usage_metadata.candidates_token_count for chunk in chunks]
    assert len(chunks) > 3
    assert outputs == [None] * (len(chunks) - 1) + [outputs[-1]]
    assert [chunk.candidates[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


async def test_the_chunks_of_a_stream_share_an_id_that_no_other_answer_has(sdk):
    streams = [
        await sdk.models.generate_content_stream(model=MODEL, contents="Two at once.") for _ in range(2)
    ]
    first = await anext(streams[0])
    second = {chunk.response_id async for chunk in streams[1]}
    assert {chunk.response_id async for chunk in streams[0]} == {first.response_id}
    assert len(second) == 1
    assert first.response_id not in second


async def test_stream_and_whole_answer_say_and_cost_the_same(sdk):
    stream = await sdk.models.generate_content_stream(model=MODEL, contents="Two plans, one budget.")
    chunks = [chunk async for chunk in stream]
    whole = await sdk.models.generate_content(model=MODEL, contents="Two plans, one budget.")
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert chunks[-1].usage_metadata == whole.usage_metadata


async def test_the_output_limit_cuts_the_answer_and_says_so(sdk):
    config = types.GenerateContentConfig(max_output_tokens=5)
    answer = await sdk.models.generate_content(model=MODEL, contents="Tell me all about it.", config=config)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert answer.usage_metadata.candidates_token_count == 5


async def test_counted_tokens_are_those_that_the_answer_states(sdk):
    counted = await sdk.models.count_tokens(model=MODEL, contents="A dozen words or so to be counted.")
    answer = await sdk.models.generate_content(model=MODEL, contents="A dozen words or so to be counted.")
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count > 0


async def test_thinking_and_cached_tokens_are_stated_when_set():
    settings = EmulatorSettings(thinking_tokens=40, cached_tokens=3)
    async with running_emulator(settings) as running:
        options = types.HttpOptions(base_url=running.url, api_version="v1beta")
        client = genai.Client(api_key="any", vertexai=False, http_options=options)
        usage = (
            await client.aio.models.generate_content(model=MODEL, contents="Think of it.")
        ).usage_metadata
        await client.aio.aclose()
    assert usage.thoughts_token_count == 40
    assert usage.cached_content_token_count == 3
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count + 40


async def test_events_are_lines_of_data_and_the_request_is_remembered_without_its_key(running, browser):
    async with browser.post(STREAM, json=said("Hello"), headers={"x-goog-api-key": "secret"}) as response:
        text = await response.text()
    events = [line for line in text.splitlines() if line]
    assert all(json.loads(line.removeprefix("data: "))["candidates"] for line in events)
    asked = running.emulator.requests[-1]
    assert asked.body == said("Hello")
    assert "secret" not in str(asked.headers)


async def test_faults_and_ledger_are_open_to_other_processes_with_the_key(running, browser):
    headers = {"x-goog-api-key": "any"} | running.control
    wanted = {"fault": "rate_limited", "times": 1, "retryDelaySeconds": 7.5}
    assert (await browser.post("/emulator/faults", json=wanted, headers=headers)).status == 200
    limited = await browser.post(GENERATE, json=said("Hello"), headers=headers)
    delay = (await limited.json())["error"]["details"][-1]["retryDelay"]
    assert (limited.status, delay) == (429, "7.5s")
    await browser.post("/emulator/faults", json={"fault": "internal", "rate": 1.0}, headers=headers)
    assert (await browser.delete("/emulator/faults", headers=headers)).status == 204
    assert (await browser.post(GENERATE, json=said("Hello"), headers=headers)).status == 200
    ledger = await (await browser.get("/emulator/ledger", headers=headers)).json()
    assert (ledger["calls"], ledger["refused"], ledger["finished"]) == (2, 1, 1)
    assert len(await (await browser.get("/emulator/requests", headers=headers)).json()) == 2


@pytest.mark.parametrize("key", [None, "", "guess", "\xfc"])
async def test_without_their_key_the_control_routes_do_nothing(running, browser, key):
    headers = {} if key is None else {"X-Emulator-Key": key}
    for method, path in (
        ("POST", "/emulator/faults"),
        ("DELETE", "/emulator/faults"),
        ("GET", "/emulator/ledger"),
        ("GET", "/emulator/requests"),
    ):
        async with browser.request(method, path, json={"fault": "internal"}, headers=headers) as refused:
            assert refused.status == 403
            assert running.emulator.control_key not in await refused.text()
    assert running.emulator.faults.strike("generateContent") is None


@pytest.mark.parametrize(
    "wanted", [{"fault": "earthquake"}, {"times": 1}, {"fault": "stall", "rate": 7}, [1]]
)
async def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(running, browser, wanted):
    async with browser.post("/emulator/faults", json=wanted, headers=running.control) as response:
        assert response.status == 400
        assert "rate_limited" in (await response.json())["faults"]


async def test_a_rate_of_faults_repeats_with_its_seed(running):
    plan = running.emulator.faults
    runs = []
    for _ in range(2):
        plan.clear()
        plan.fail_rate("unavailable", 0.3, seed=11)
        runs.append([plan.strike("generateContent") is not None for _ in range(200)])
    assert runs[0] == runs[1]
    assert 30 < sum(runs[0]) < 90
    assert plan.strike("countTokens") is None
