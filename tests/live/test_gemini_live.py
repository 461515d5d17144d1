"""Cara against the real Gemini, opt-in: what it tells is what learners are charged.

    GEMINI_LIVE_TESTS=1 GEMINI_API_KEY=… python -m pytest tests/live -n 0 -rP

costs about 7,000 tokens in all, and never 20,000. `-rP` shows which schema the model accepted, and what each
call cost. GEMINI_MODEL names another model, GEMINI_BASE_URL another server, such as the emulator with a key
that it insists on:

    python -m cara.devtools.emulator --port 8099 --api-key secret --thinking-by-level
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from cara.app import create_app
from cara.coach.conversation import build_call
from cara.coach.schemas import ProcessRequest
from cara.feedback.assessment.judgement import judgement_schema, plainer_judgement_schema
from cara.feedback.assessment.prompt import feedback_call
from cara.feedback.assessment.sample import SAMPLE
from cara.gemini.calls import GeminiCall
from cara.gemini.client import connect_gemini
from cara.gemini.sdk import BASE_URL
from cara.gemini.tokens import estimate_prompt, estimate_tokens, with_margin
from cara.postgres.database import Database
from cara.settings import Settings
from cara.speech import measure
from cara.transcripts.talk import read_talk
from tests.coach.coach_client import PATH, STREAM, settled_tables
from tests.conftest import make_settings
from tests.learners import Learner
from tests.live.recording_proxy import RecordedCall, RecordingProxy, recording_proxy
from tests.streams import read_events

if os.environ.get("GEMINI_LIVE_TESTS") != "1" or not os.environ.get("GEMINI_API_KEY"):
    pytest.skip(
        "calls to the real Gemini cost tokens: set GEMINI_LIVE_TESTS=1 and GEMINI_API_KEY to make them",
        allow_module_level=True,
    )

TALK = SAMPLE.transcript()
PROMPT = "In about eighty words: how do I begin a talk about salary with my manager?"
TOKENS_A_TEST = 10_000
"""What one test may reserve; it is charged a part of that."""
ALL_TOKENS = 20_000

told_so_far: list[int] = []


@pytest.fixture
async def proxy() -> AsyncIterator[RecordingProxy]:
    """Between Cara and Gemini; the tests of a run cost no more than `ALL_TOKENS` together."""
    async with recording_proxy(os.environ.get("GEMINI_BASE_URL") or BASE_URL) as proxy:
        yield proxy
    told_so_far.extend(call.told("totalTokenCount") for call in proxy.generations)
    assert sum(told_so_far) < ALL_TOKENS


@pytest.fixture
def settings(database_url: str, redis_url: str, proxy: RecordingProxy) -> Settings:
    model = os.environ.get("GEMINI_MODEL")
    return make_settings(
        database_url=database_url,
        redis_url=redis_url,
        gemini_base_url=proxy.url,
        gemini_api_key=os.environ["GEMINI_API_KEY"],
        daily_token_quota=TOKENS_A_TEST,
        **({"gemini_model": model} if model else {}),
    )


async def check_charge(learner: Learner, database: Database, call: RecordedCall) -> dict[str, Any]:
    """The one charge is what Gemini told of the call, and nothing stays reserved; returns the quota."""
    seen = await settled_tables(database)
    told = call.told("totalTokenCount")
    print(f"{told} tokens told: {', '.join(f'{name} {call.told(name)}' for name in counts(call))}")
    assert told > 0
    assert (seen.reserved, [entry["tokens_used"] for entry in seen.ledger]) == (0, [told])
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert quota["tokensUsed"] == told
    return dict(quota)


def counts(call: RecordedCall) -> list[str]:
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    return [name for name in names if call.told(name)]


def check_estimate(counted: int, call: GeminiCall) -> None:
    """The estimate of a prompt is as near to a count as its margin promises."""
    estimate = estimate_prompt(call)
    print(f"a prompt of {counted} tokens, estimated at {estimate}")
    assert abs(counted - estimate) <= with_margin(estimate) - estimate


def check_thinking(call: RecordedCall, settings: Settings) -> None:
    """Gemini was asked to think as the settings say."""
    thinking = call.body["generationConfig"]["thinkingConfig"]
    assert thinking.get("thinkingLevel", thinking.get("thinking_level")).lower() == settings.thinking_level


async def test_a_streamed_answer_is_charged_as_told(
    learner: Learner, settings: Settings, database: Database, proxy: RecordingProxy
) -> None:
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    assert response.status == 200, await response.text()
    *deltas, last = [event async for event in read_events(response)]
    assert last.name == "done", last.data
    assert {delta.name for delta in deltas} == {"delta"}
    assert "".join(delta.data["text"] for delta in deltas) == last.data["response"]
    assert last.data["response"].strip()
    assert not last.data["truncated"]
    (call,) = proxy.generations
    quota = await check_charge(learner, database, call)
    assert (last.data["tokensUsed"], last.data["remainingQuota"]) == (quota["tokensUsed"], quota["remaining"])
    check_thinking(call, settings)


async def test_a_whole_answer_is_charged_as_told(
    learner: Learner, database: Database, proxy: RecordingProxy
) -> None:
    answer = await learner.expects(200, "POST", PATH, json={"prompt": PROMPT})
    (call,) = proxy.generations
    quota = await check_charge(learner, database, call)
    assert answer["response"] == call.text
    assert (answer["tokensUsed"], answer["remainingQuota"]) == (quota["tokensUsed"], quota["remaining"])


@pytest.mark.usefixtures("worker")
async def test_a_sample_talk_gets_feedback_that_is_charged_as_told(
    learner: Learner, settings: Settings, database: Database, proxy: RecordingProxy
) -> None:
    job = await learner.asks_for_feedback(TALK, SAMPLE.duration_seconds, SAMPLE.feature_type)
    ended = (await learner.follows(job))[-1]
    assert ended.name == "succeeded", ended.data
    assert ended.data["attempts"] == 1
    feedback = ended.data["feedback"]
    assert 0 <= feedback["overview"]["score"] <= 100
    assert feedback["highlights"]
    assert all(TALK[one["start"] : one["end"]] == one["quote"] for one in feedback["highlights"])
    (call,) = proxy.generations
    await check_charge(learner, database, call)
    check_thinking(call, settings)
    print(f"{feedback['model']} accepts {accepted_schema(call)}")


def accepted_schema(call: RecordedCall) -> str:
    """The form of the schema that an answered call had."""
    sent = call.body["generationConfig"].get("responseJsonSchema")
    if sent is None:
        return "no schema"
    forms = {"the full schema": judgement_schema(), "only the plainer schema": plainer_judgement_schema()}
    return next(name for name, schema in forms.items() if schema == sent)


async def test_estimates_of_prompts_are_as_near_as_their_margin(settings: Settings) -> None:
    measures = measure(TALK, duration_seconds=SAMPLE.duration_seconds, feature_type=SAMPLE.feature_type)
    calls = [
        build_call(
            ProcessRequest(prompt=PROMPT), None, history_tokens=4_000, answer_tokens=64, thinking_level=None
        ),
        feedback_call(SAMPLE.feature_type, read_talk(TALK), measures, []),
    ]
    gemini = connect_gemini(settings)
    try:
        for call in calls:
            check_estimate(await gemini.count_tokens(call), call)
    finally:
        await gemini.close()


async def test_who_leaves_after_the_first_piece_pays_for_the_prompt_and_what_came(
    learner: Learner, database: Database, proxy: RecordingProxy
) -> None:
    prompt = PROMPT.replace("eighty", "four hundred")
    response = await learner.call("POST", PATH, json={"prompt": prompt}, headers=STREAM)
    first = await anext(read_events(response))
    response.close()
    assert first.name == "delta", first.data
    seen = await settled_tables(database)
    (call,), (entry,) = proxy.generations, seen.ledger
    assert entry["input_tokens"] == call.told("promptTokenCount")
    thoughts = call.told("thoughtsTokenCount")
    passed = max(estimate_tokens(call.text), call.told("candidatesTokenCount"))
    assert estimate_tokens(first.data["text"]) <= entry["output_tokens"] <= thoughts + passed
    assert (seen.reserved, seen.used) == (0, entry["tokens_used"])


@pytest.mark.parametrize(
    "wrong", [{"gemini_model": "no-such-model"}, {"gemini_api_key": "no-such-key"}], ids=["model", "key"]
)
async def test_an_unknown_model_or_key_is_for_the_operator_and_costs_nothing(
    settings: Settings,
    database: Database,
    aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]],
    wrong: dict[str, str],
) -> None:
    changed = make_settings(**{**settings.model_dump(), **wrong})
    learner = await Learner.registers(await aiohttp_client(create_app(changed)))
    problem = await learner.expects(502, "POST", PATH, json={"prompt": PROMPT})
    assert problem["code"] == "gemini_misconfigured"
    seen = await settled_tables(database)
    assert (seen.used, seen.reserved, seen.ledger) == (0, 0, [])
