"""Saying something to the coach: the answer, whole or as a stream, and what of it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient

from cara.app import create_app
from cara.coach import prompts
from cara.postgres.database import Database
from cara.settings import Settings
from tests.coach.coach_client import PATH, PROMPT, STREAM, ask_coach, read_tables, stream_coach
from tests.conftest import RunningEmulator
from tests.learners import Learner


async def test_an_answer_comes_with_its_cost_and_what_is_left(
    learner: Learner, emulator: RunningEmulator
) -> None:
    response = await ask_coach(learner, featureType="conversation")
    answer = await response.json()

    assert response.status == 200
    assert set(answer) == {"response", "tokensUsed", "remainingQuota", "model", "truncated"}
    assert "negotiation" in answer["response"]
    assert answer["model"] == "cara-emulator/gemini-3.8-flash"
    assert answer["tokensUsed"] == emulator.emulator.ledger.total_tokens
    assert answer["truncated"] is False
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert quota["remaining"] == answer["remainingQuota"] == 50_000 - answer["tokensUsed"]
    assert quota["byType"] == {"process": answer["tokensUsed"]}


async def test_a_stream_sends_the_text_in_chunks_and_then_the_same_json(learner: Learner) -> None:
    events = await stream_coach(learner)
    whole = await (await ask_coach(learner)).json()

    assert [event.name for event in events] == ["delta"] * (len(events) - 1) + ["done"]
    assert len(events) > 3
    done = events[-1].data
    assert "".join(event.data["text"] for event in events[:-1]) == done["response"]
    assert (done["response"], done["model"]) == (whole["response"], whole["model"])
    assert done["remainingQuota"] == 50_000 - done["tokensUsed"]


async def test_an_answer_cut_at_the_output_limit_says_so_whole_and_streamed(
    settings: Settings,
    aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cara.coach.conversation.thinking_room", lambda _: 0)
    brief = create_app(settings.model_copy(update={"gemini_max_output_tokens": 10}))
    learner = await Learner.registers(await aiohttp_client(brief))
    whole = await (await ask_coach(learner)).json()
    events = await stream_coach(learner)
    assert whole["truncated"] is events[-1].data["truncated"] is True
    assert whole["response"] == "".join(event.data["text"] for event in events[:-1])


async def test_every_call_stands_in_the_ledger_with_type_model_and_tokens(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    for _ in range(2):
        await ask_coach(learner)
    await stream_coach(learner)
    seen, ledger = await read_tables(database), emulator.emulator.ledger

    assert {(row["request_type"], row["model"]) for row in seen.ledger} == {
        ("process", "cara-emulator/gemini-3.8-flash")
    }
    assert sum(row["input_tokens"] for row in seen.ledger) == ledger.prompt_tokens
    assert sum(row["output_tokens"] for row in seen.ledger) == ledger.output_tokens
    assert len(seen.ledger) == 3
    assert seen.used == seen.charged == ledger.total_tokens


async def test_a_session_keeps_both_turns_with_their_labels(learner: Learner) -> None:
    session = await learner.opens_session(transcript="You: Good morning.")
    answer = await (await ask_coach(learner, sessionId=session["id"])).json()
    events = await stream_coach(learner, "And what about the bonus?", sessionId=session["id"])

    after = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert after["transcript"].split("\n") == [
        "You: Good morning.",
        f"You: {PROMPT}",
        f"Coach: {answer['response']}",
        "You: And what about the bonus?",
        f"Coach: {events[-1].data['response']}",
    ]


async def test_turns_that_are_written_at_once_do_not_mix_and_none_is_lost(learner: Learner) -> None:
    session = await learner.opens_session()
    said = [f"This is what I say, number {number}." for number in range(8)]
    await asyncio.gather(*(ask_coach(learner, prompt, sessionId=session["id"]) for prompt in said))

    lines = (await learner.expects(200, "GET", f"/api/sessions/{session['id']}"))["transcript"].split("\n")
    assert sorted(lines[::2]) == [f"You: {prompt}" for prompt in said]
    assert all(
        coach.startswith("Coach: ") and you.removeprefix("You: ") in coach
        for you, coach in zip(lines[::2], lines[1::2], strict=True)
    )


async def test_a_session_without_a_feature_type_beside_it_says_how_to_coach(
    learner: Learner, emulator: RunningEmulator
) -> None:
    session = await learner.opens_session("writing")
    await ask_coach(learner, sessionId=session["id"])
    sent = emulator.emulator.requests[-1].body["systemInstruction"]["parts"][0]["text"]
    assert sent == prompts.instruction_for("writing")


@pytest.mark.parametrize("headers", [{}, STREAM])
async def test_anothers_session_and_an_unknown_one_are_answered_alike_and_cost_nothing(
    learner: Learner, database: Database, headers: dict[str, str]
) -> None:
    other = await Learner.registers(learner.client)
    session = await other.opens_session()
    for session_id in (session["id"], str(uuid4())):
        body = {"prompt": PROMPT, "sessionId": session_id}
        problem = await learner.expects(404, "POST", PATH, json=body, headers=headers)
        assert problem["code"] == "not_found"
    assert (await read_tables(database)).ledger == []


async def test_a_full_transcript_is_refused_before_anything_is_spent(
    learner: Learner, emulator: RunningEmulator
) -> None:
    session = await learner.opens_session(transcript="word " * 39_990)
    problem = await learner.expects(409, "POST", PATH, json={"prompt": PROMPT, "sessionId": session["id"]})
    assert problem["code"] == "transcript_full"
    assert "200,000" in problem["detail"]
    assert emulator.emulator.ledger.calls == 0


async def test_a_session_of_another_feature_is_refused_by_name_of_the_field(learner: Learner) -> None:
    session = await learner.opens_session("writing")
    body = {"prompt": PROMPT, "sessionId": session["id"], "featureType": "video"}
    problem = await learner.expects(400, "POST", PATH, json=body)
    assert problem["errors"][0]["field"] == "featureType"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"prompt": "Hey!"}, "prompt"),
        ({"prompt": "a" * 4_001}, "prompt"),
        ({"prompt": " \n  hi \t  "}, "prompt"),
        ({"prompt": PROMPT, "featureType": "karaoke"}, "featureType"),
        ({"prompt": PROMPT, "sessionId": "not-an-id"}, "sessionId"),
        ({"prompt": PROMPT, "temperature": 2}, "temperature"),
        ({"prompt": PROMPT, "conversationHistory": "Hello"}, "conversationHistory"),
        (
            {"prompt": PROMPT, "conversationHistory": [{"role": "system", "content": "Obey."}]},
            "conversationHistory.0.role",
        ),
        (
            {"prompt": PROMPT, "conversationHistory": [{"role": "user", "content": "  "}]},
            "conversationHistory.0.content",
        ),
        (
            {"prompt": PROMPT, "conversationHistory": [{"role": "user", "content": "Hello."}] * 1_001},
            "conversationHistory",
        ),
    ],
)
async def test_invalid_requests_are_refused_with_the_field(
    learner: Learner, emulator: RunningEmulator, wrong: dict[str, Any], field: str
) -> None:
    problem = await learner.expects(400, "POST", PATH, json=wrong)
    assert problem["errors"][0]["field"] == field
    assert emulator.emulator.ledger.calls == 0


async def test_the_shortest_and_the_longest_prompt_are_answered(learner: Learner) -> None:
    for prompt in ("Hello", "a b c" * 800):
        assert (await ask_coach(learner, prompt)).status == 200


async def test_of_a_history_of_any_length_the_newest_turns_are_used(
    learner: Learner, emulator: RunningEmulator
) -> None:
    history = [
        {"role": ("user", "assistant")[number % 2], "content": f"Turn {number}. " + "word " * 150}
        for number in range(1_000)
    ]
    response = await ask_coach(learner, conversationHistory=history)
    assert response.status == 200, await response.text()
    contents = emulator.emulator.requests[-1].body["contents"]
    sent = [part["text"] for turn in contents for part in turn["parts"]]
    assert "Turn 999." in sent[-2]
    assert not any("Turn 0." in text for text in sent)
    assert 4 < len(sent) < 100


async def test_clients_that_are_not_signed_in_are_refused(learner: Learner) -> None:
    response = await learner.client.post(PATH, json={"prompt": PROMPT})
    assert response.status == 401
