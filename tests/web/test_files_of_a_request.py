"""How many files of `cara/web` one must open to follow a request."""

from __future__ import annotations

import pytest

from tests.learners import Learner
from tests.profiling import files_run

EVERY_REQUEST = {
    "client_info.py",
    "guard.py",
    "handlers.py",
    "headers.py",
    "problems.py",
    "rate_limit_counter.py",
    "rate_limits.py",
    "request_log.py",
}
WITH_A_BODY = EVERY_REQUEST | {"json_body.py", "sanitize.py"}


@pytest.fixture
async def client(served):
    return await served(rate_limits="on")


def of_web(files: set[str]) -> set[str]:
    found = {name.removeprefix("web/") for name in files if name.startswith("web/")}
    print(len(found), *sorted(found))
    return found


async def test_registering_and_signing_in_run_few_files(client):
    with files_run() as files:
        learner = await Learner.registers(client)
    assert of_web(files) <= WITH_A_BODY
    with files_run() as files:
        credentials = {"email": learner.email, "password": learner.password}
        assert (await client.post("/api/auth/login", json=credentials)).status == 200
    assert of_web(files) <= WITH_A_BODY


async def test_reading_and_changing_run_few_files(client):
    learner = await Learner.registers(client)
    session = await learner.opens_session()
    with files_run() as files:
        await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert of_web(files) <= EVERY_REQUEST
    with files_run() as files:
        await learner.expects(200, "PATCH", f"/api/sessions/{session['id']}", json={"title": "A <b> talk"})
    assert of_web(files) <= WITH_A_BODY | {"models.py", "tags.py"}


async def test_a_streamed_answer_runs_few_files(client):
    learner = await Learner.registers(client)
    as_stream = {"Accept": "text/event-stream"}
    with files_run() as files:
        asked = {"prompt": "How do I begin?"}
        answer = await learner.call("POST", "/api/gemini/process", json=asked, headers=as_stream)
        assert b"event: done" in await answer.read()
    assert of_web(files) <= WITH_A_BODY | {"sse.py"}


async def test_a_refusal_runs_few_files(client):
    with files_run() as files:
        assert (await client.get("/api/nowhere")).status == 404
    assert of_web(files) <= EVERY_REQUEST
