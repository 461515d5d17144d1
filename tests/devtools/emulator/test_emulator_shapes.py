"""The bodies of the emulator have the members of Gemini's, with the same types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from aiohttp import ClientSession

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Fault
from cara.devtools.emulator.server import RunningEmulator, running_emulator
from tests.devtools.emulator.talking import COUNT, GENERATE, STREAM, http_session, read_chunks, said
from tests.gemini.recordings import NAMES, recorded_bodies

SETTINGS = EmulatorSettings(
    chunk_delay_seconds=0.001, thinking_tokens=40, cached_tokens=3, api_key="the right one"
)
SETTINGS_OF_A_KEY = {"x-goog-api-key": "the right one"}
COUNTERPARTS: dict[str, tuple[str, Fault | None]] = {
    "stream.txt": (STREAM, None),
    "stream_with_thoughts.txt": (STREAM, None),
    "stream_with_signature.txt": (STREAM, None),
    "stream_recitation.txt": (STREAM, Fault.RECITATION),
    "stream_blocked_prompt.txt": (STREAM, Fault.BLOCKED_PROMPT),
    "stream_then_error.txt": (STREAM, Fault.ERROR_MIDSTREAM),
    "answer.json": (GENERATE, None),
    "answer_with_cache.json": (GENERATE, None),
    "answer_safety.json": (GENERATE, Fault.BLOCKED_ANSWER),
    "answer_only_thoughts.json": (GENERATE, Fault.ONLY_THOUGHTS),
    "blocked_prompt.json": (GENERATE, Fault.BLOCKED_PROMPT),
    "count_tokens.json": (COUNT, None),
    "error_400.json": (GENERATE, Fault.BAD_REQUEST),
    "error_400_key.json": (GENERATE, Fault.BAD_KEY),
    "error_429.json": (GENERATE, Fault.RATE_LIMITED),
    "error_500.json": (GENERATE, Fault.INTERNAL),
    "error_503.json": (GENERATE, Fault.UNAVAILABLE),
}
"""The request and the fault that have the emulator write such a body."""
NEVER_WRITTEN = {"answer_other.json", "error_403_disabled.json"}
REFUSED = {
    "error_403.json": (GENERATE, {}),
    "error_404.json": ("/v1beta/models/llama:generateContent", SETTINGS_OF_A_KEY),
}
"""What is refused without a fault: the path and the headers."""
LEFT_OUT = {
    "candidates[].avgLogprobs: float",
    "candidates[].content.parts[].thought: bool",
    "candidates[].content.parts[].thoughtSignature: str",
    "usageMetadata.candidatesTokensDetails[].modality: str",
    "usageMetadata.candidatesTokensDetails[].tokenCount: int",
}
"""Members of some models, which nothing of Cara reads beyond leaving thoughts out."""
DOCUMENTED = {
    "candidates[].safetyRatings[].blocked: bool",
    "promptFeedback.safetyRatings[].blocked: bool",
}
"""Members that no recording has; ai.google.dev/api/generate-content has them."""


def shape(value: Any, path: str = "") -> set[str]:
    """The path and type of each value in a body; items of a list share a path."""
    if isinstance(value, dict):
        return set().union(*(shape(part, f"{path}.{name}".lstrip(".")) for name, part in value.items()))
    if isinstance(value, list):
        return set().union(*(shape(part, f"{path}[]") for part in value))
    return {f"{path}: {type(value).__name__}"}


def shapes(bodies: Iterable[Any]) -> set[str]:
    return set().union(*map(shape, bodies))


EVERY_MEMBER = DOCUMENTED | shapes(body for name in NAMES for body in recorded_bodies(name))


@pytest.fixture
async def running() -> AsyncIterator[RunningEmulator]:
    async with running_emulator(SETTINGS) as running:
        yield running


@pytest.fixture
async def session(running: RunningEmulator) -> AsyncIterator[ClientSession]:
    async with http_session(running.url) as session:
        yield session


async def bodies_of(session: ClientSession, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    async with session.post(path, json=said(), headers=headers) as response:
        if response.content_type == "text/event-stream":
            return await read_chunks(response)
        body = await response.json()
        assert response.status == body.get("error", {}).get("code", 200)
        return [body]


def test_every_recording_has_a_counterpart_or_is_never_written() -> None:
    assert {*COUNTERPARTS, *REFUSED, *NEVER_WRITTEN} == set(NAMES)


@pytest.mark.parametrize("name", COUNTERPARTS)
async def test_the_emulator_writes_the_members_of_a_recording_and_no_invented_ones(
    running: RunningEmulator, session: ClientSession, name: str
) -> None:
    path, fault = COUNTERPARTS[name]
    if fault:
        running.emulator.fail_next(fault)
    written = shapes(await bodies_of(session, path, SETTINGS_OF_A_KEY))
    assert shapes(recorded_bodies(name)) - LEFT_OUT <= written <= EVERY_MEMBER


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_has_the_members_of_its_recording(running: RunningEmulator, name: str) -> None:
    path, headers = REFUSED[name]
    async with ClientSession(running.url) as session:
        assert shapes(await bodies_of(session, path, headers)) == shapes(recorded_bodies(name))


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("error_")])
async def test_errors_say_what_gemini_says(
    running: RunningEmulator, session: ClientSession, name: str
) -> None:
    (recorded,) = recorded_bodies(name)
    assert set(recorded["error"]) - {"details"} == {"code", "message", "status"}
    if name not in COUNTERPARTS:
        return
    path, fault = COUNTERPARTS[name]
    assert fault
    running.emulator.fail_next(fault)
    (written,) = await bodies_of(session, path, SETTINGS_OF_A_KEY)
    for member in ("code", "status"):
        assert written["error"][member] == recorded["error"][member]
