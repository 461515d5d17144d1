"""What a learner reads of an answer that Gemini ended for a reason of its own, or sent through a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from cara.app import create_app
from cara.settings import Settings
from tests.coach.coach_client import ask_coach, stream_coach
from tests.gemini.wire_server import WireServer, chunk, wire_server
from tests.learners import Learner


@pytest.fixture
async def gateway(unused_tcp_port: int) -> AsyncIterator[WireServer]:
    async with wire_server(unused_tcp_port) as server:
        yield server


@pytest.fixture
async def caller(
    settings: Settings, gateway: WireServer, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]
) -> Learner:
    app = create_app(settings.model_copy(update={"gemini_base_url": gateway.url}))
    return await Learner.registers(await aiohttp_client(app))


@pytest.mark.parametrize(
    ("reason", "status", "code", "words"),
    [
        ("RECITATION", 503, "gemini_recitation", "too close to a published text"),
        ("LANGUAGE", 422, "language_unsupported", "does not support this language"),
        ("SAFETY", 422, "content_blocked", "for reasons of safety"),
        ("OTHER", 503, "gemini_bad_answer", "could not be used"),
    ],
)
async def test_each_reason_has_its_own_words(
    caller: Learner, gateway: WireServer, reason: str, status: int, code: str, words: str
) -> None:
    gateway.answers(chunk("We", finish=reason))
    response = await ask_coach(caller)
    problem = await response.json()
    assert (response.status, problem["code"]) == (status, code)
    assert words in problem["detail"]
    assert (await stream_coach(caller))[-1].data["code"] == code


async def test_an_answer_through_a_gateway_is_whole(caller: Learner, gateway: WireServer) -> None:
    gateway.answers(
        b": connected\n\nevent: chunk\n",
        chunk("Well \ud83d"),
        b"data: null\n\n",
        chunk("\ude00 done", finish="STOP"),
        b"data: [DONE]\n\n",
        "reset",
    )
    events = await stream_coach(caller)
    assert "".join(event.data["text"] for event in events[:-1]) == "Well 😀 done"
    assert (events[-1].name, events[-1].data["response"]) == ("done", "Well 😀 done")
    assert events[-1].data["tokensUsed"] > 0
