"""What people write, through the door and back."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from cara.bounded_threads import BoundedThreads
from cara.web import body
from tests.learners import Learner

HARMLESS = [
    "Tom & Jerry",
    "a < b && c > d",
    "5 > 3 and <3",
    "R&D for Q&A",
    "on=call, onload=maybe",
    "héllo 👩‍👩‍👧 שלום مرحبا",
    "&lt;no tag&gt;",
    "'; drop table users; --",
    "{{7*7}} ${7*7} %s",
]
MARKUP = {
    "<b>bold</b>": "bold",
    "<script>alert(1)</script>safe": "safe",
    "<img src=x onerror=alert(1)>safe": "safe",
    "<scr<script></script>ipt>alert(1)</script>": None,
    "<svg/onload=alert(1)>": None,
    "<a href='javascript:alert(1)'>link</a>": "link",
}
REFUSED = {
    "": "body",
    "null": "body",
    "[]": "body",
    '"text"': "body",
    "{": "body",
    '{"featureType": "conversation",}': "body",
    '{"featureType": "conversation", "featureType": "writing"}': "featureType",
    '{"featureType": "conversation", "title": "a\\u0000b"}': "title",
    '{"featureType": "conversation", "title": "\\ud800"}': "title",
    '{"featureType": "conversation", "unknown": 1}': "unknown",
    '{"featureType": "conversation", "title": 5}': "title",
    '{"featureType": "dance"}': "featureType",
    '{"feature_type": "conversation"}': "featureType",
    '{"featureType": NaN}': "body",
    '{"title": 1e999}': "body",
    '{"title": ' + "[" * 200 + "]" * 200 + "}": "body",
}


async def test_what_is_no_markup_comes_back_as_it_was(learner):
    for text in HARMLESS:
        session = await learner.opens_session(title=text, transcript=text, feedbackJson={"note": [text]})
        assert (session["title"], session["transcript"]) == (text, text)
        assert session["feedbackJson"] == {"note": [text]}


async def test_markup_is_gone_before_anything_is_stored(learner):
    for text, left in MARKUP.items():
        session = await learner.opens_session(title=text, feedbackJson={"deep": {"er": text}})
        for stored in (session["title"], session["feedbackJson"]["deep"]["er"]):
            assert left is None or stored == left
            assert "<" not in stored or "script" not in stored.lower()
            assert "onerror" not in stored


async def test_names_of_members_are_left_alone(learner):
    session = await learner.opens_session(feedbackJson={"<b>name</b>": "<b>value</b>"})
    assert session["feedbackJson"] == {"<b>name</b>": "value"}


async def test_passwords_are_taken_to_the_last_character(client):
    password = " <b>pass</b> & ‘word’\t "
    learner = await Learner.registers(client, password=password)
    for attempt, status in ((password, 200), (password.strip(), 401), ("pass & ‘word’", 401)):
        answer = await client.post("/api/auth/login", json={"email": learner.email, "password": attempt})
        assert answer.status == status


async def test_what_cannot_be_taken_is_refused_and_the_member_is_named(learner):
    for text, field in REFUSED.items():
        headers = {"Content-Type": "application/json"}
        problem = await learner.expects(400, "POST", "/api/sessions", data=text.encode(), headers=headers)
        assert problem["code"] == "invalid_input"
        assert field in {item["field"] for item in problem["errors"]}, text


async def test_a_body_of_another_kind_is_refused(learner):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        problem = await learner.expects(
            400,
            "POST",
            "/api/sessions",
            data=b'{"featureType": "conversation"}',
            headers={"Content-Type": kind},
        )
        assert problem["errors"] == [{"field": "Content-Type", "message": "must be application/json"}]


async def test_an_error_does_not_grow_with_what_was_sent(learner):
    many = {f"{'x' * 300}{number}": 1 for number in range(2_000)}
    response = await learner.call("POST", "/api/sessions", json=many)
    assert response.status == 400
    assert len(await response.read()) < 20_000
    assert len((await response.json())["errors"]) == 50


async def test_a_hostile_transcript_delays_nobody(learner):
    session = await learner.opens_session()
    lags: list[float] = []

    async def watch_the_loop() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - began)

    watching = asyncio.create_task(watch_the_loop())
    for hostile in ("<", "&", "<a ", "<a b="):
        text = json.dumps({"transcript": (hostile * 200_000)[:200_000]})
        began = time.perf_counter()
        response = await learner.call("PATCH", f"/api/sessions/{session['id']}", data=text.encode())
        assert response.status in (200, 400)
        assert time.perf_counter() - began < 2
    watching.cancel()
    assert max(lags) < 0.5


@pytest.mark.parametrize("piece", ["<b>", "<b x='y'>"])
async def test_markup_where_no_text_belongs_costs_next_to_nothing(client, piece):
    account = {"email": "user@example.com", "password": "correct horse battery", "name": [piece] * 19_000}
    began = time.perf_counter()
    response = await client.post("/api/auth/register", json=account)
    assert response.status == 400
    assert time.perf_counter() - began < 2


async def test_large_bodies_wait_for_each_other_only_up_to_a_point(learner, monkeypatch):
    monkeypatch.setattr(body, "_large_bodies", BoundedThreads("none", threads=1, most_waiting=-1))
    session = await learner.opens_session()
    changing = ("PATCH", f"/api/sessions/{session['id']}")
    refused = await learner.call(*changing, json={"transcript": "word " * 3_000})
    assert (refused.status, (await refused.json())["code"]) == (503, "bodies_busy")
    assert refused.headers["Retry-After"] == "1"
    await learner.expects(200, *changing, json={"transcript": "word " * 300})
