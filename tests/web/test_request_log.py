"""The access log: one line a request, without secrets."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from cara.observability import access_log
from cara.observability.access_log import AccessLog
from cara.web.context import service
from tests.access_lines import access_lines
from tests.learners import Learner
from tests.waiting import time_limit
from tests.web.raw import answer_to


@pytest.fixture
async def logged(served, caplog):
    """A client, and the lines that the access log has written so far."""
    caplog.set_level(logging.INFO, logger="cara.access")
    client = await served(trusted_proxies=("127.0.0.0/8",))

    def lines():
        service(client.app, AccessLog).write()
        return access_lines(caplog)

    return client, lines


async def test_lines_are_written_soon_and_in_pieces_that_a_pipe_takes_whole(served, caplog):
    caplog.set_level(logging.INFO, logger="cara.access")
    client = await served()
    for number in range(60):
        await client.get(f"/api/nowhere/{number}")
    async with time_limit():
        while len(access_lines(caplog)) < 60:
            await asyncio.sleep(access_log.WRITE_SECONDS)
    assert [line["path"] for line in access_lines(caplog)] == [f"/api/nowhere/{n}" for n in range(60)]
    pieces = [record.message for record in caplog.records if record.name == "cara.access"]
    assert len(pieces) < 60
    assert all(len(piece) < access_log.ATOMIC_CHARACTERS for piece in pieces)


async def test_lines_that_still_wait_are_written_at_the_end(served, caplog, monkeypatch):
    monkeypatch.setattr(access_log, "WRITE_SECONDS", 3_600)
    caplog.set_level(logging.INFO, logger="cara.access")
    client = await served()
    await client.get("/api/nowhere")
    assert access_lines(caplog) == []
    await client.close()
    assert [line["status"] for line in access_lines(caplog)] == [404]


async def test_every_request_leaves_one_line(logged):
    client, lines = logged
    learner = await Learner.registers(client)
    began = time.monotonic()
    await learner.call("GET", "/api/sessions?limit=5", headers={"X-Request-Id": "of-the-client.1"})
    await client.get("/api/nowhere")
    await client.post("/api/sessions", data=b"{")
    _, listing, nowhere, refused = lines()
    milliseconds = 1_000 * (time.monotonic() - began)
    assert listing == {
        "method": "GET",
        "path": "/api/sessions",
        "status": 200,
        "durationMs": listing["durationMs"],
        "userId": learner.user["id"],
        "address": "127.0.0.1",
        "requestId": "of-the-client.1",
    }
    assert 0 < listing["durationMs"] <= milliseconds
    assert (nowhere["status"], nowhere["userId"]) == (404, None)
    assert (refused["status"], refused["method"]) == (401, "POST")


async def test_tickets_tokens_and_passwords_stay_out(logged, caplog):
    client, lines = logged
    learner = await Learner.registers(client, password="a rather secret password")
    job = await learner.asks_for_feedback()
    ticket = job["eventsUrl"].partition("ticket=")[2]
    await learner.expects(202, "DELETE", job["statusUrl"])
    await learner.follows(job)
    assert lines()[-1]["path"] == job["statusUrl"] + "/events"
    beacon = (await learner.expects(201, "POST", "/api/analytics/beacon-addresses"))["url"]
    token = beacon.partition("token=")[2]
    await client.post(beacon, data=b'{"eventType": "left"}', headers={"Content-Type": "text/plain"})
    assert (lines()[-1]["path"], lines()[-1]["status"]) == ("/api/analytics/events", 201)
    for secret in (ticket, token, learner.access_token, learner.refresh_token, learner.password):
        assert secret not in caplog.text


async def test_a_hostile_path_stays_one_line_of_ascii(logged, caplog):
    client, lines = logged
    await client.get("/api/%0d%0a%22%7d%e2%80%ae%f0%9f%98%80%ff")
    assert [line["status"] for line in lines()] == [404]
    [message] = [record.message for record in caplog.records if record.name == "cara.access"]
    assert message.isascii()
    assert "\n" not in message


async def test_the_user_is_logged_where_there_is_no_bearer_token_too(logged):
    client, lines = logged
    learner = await Learner.registers(client)
    credentials = {"email": learner.email, "password": learner.password}
    assert (await client.post("/api/auth/login", json=credentials)).status == 200
    assert (
        await client.post("/api/auth/refresh", json={"refreshToken": learner.refresh_token})
    ).status == 200
    job = await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", job["statusUrl"])
    await learner.follows(job)
    paths = ("/api/auth/register", "/api/auth/login", "/api/auth/refresh", job["statusUrl"] + "/events")
    named = {line["path"]: line["userId"] for line in lines() if line["path"] in paths}
    assert named == dict.fromkeys(paths, learner.user["id"])


async def test_a_failed_sign_in_names_no_user(logged):
    client, lines = logged
    learner = await Learner.registers(client)
    client.session.cookie_jar.clear()
    credentials = {"email": learner.email, "password": "a guess"}
    assert (await client.post("/api/auth/login", json=credentials)).status == 401
    assert (await client.post("/api/auth/refresh", json={"refreshToken": "forged"})).status == 401
    assert [line["userId"] for line in lines()[-2:]] == [None, None]


async def test_a_forged_token_names_no_user(logged):
    client, lines = logged
    await client.get("/api/sessions", headers={"Authorization": "Bearer forged"})
    assert lines()[-1]["userId"] is None


async def test_the_address_is_that_of_the_client_behind_a_trusted_proxy(logged):
    client, lines = logged
    await client.get("/health", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
    assert lines()[-1]["address"] == "203.0.113.7"


async def test_bytes_that_are_not_http_leave_one_line_with_their_address(logged, caplog):
    client, lines = logged
    await answer_to(client.port, b"Authorization: secret\r\n\r\n")
    [record] = [record for record in caplog.records if record.name == "cara.web.connections"]
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert "not HTTP" in record.message
    assert "127.0.0.1" in record.message
    assert "secret" not in caplog.text
    assert lines() == []


async def test_an_expectation_that_is_not_met_leaves_its_line(logged):
    client, lines = logged
    answer = await answer_to(client.port, b"GET /no HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n")
    [line] = lines()
    assert (line["status"], line["path"], line["address"]) == (417, "/no", "127.0.0.1")
    assert line["requestId"] == answer.headers["x-request-id"]


async def test_a_client_that_leaves_before_its_answer_is_logged_with_status_499(logged):
    client, lines = logged
    learner = await Learner.registers(client)
    job = await learner.asks_for_feedback()
    stream = await learner.call("GET", job["eventsUrl"])
    await stream.content.readany()
    stream.close()
    async with time_limit():
        while not (left := [line for line in lines() if line["path"].endswith("/events")]):
            await asyncio.sleep(0.01)
    [line] = left
    assert (line["status"], line["userId"]) == (499, learner.user["id"])
    assert line["durationMs"] > 0
