"""Request bodies: free text, strict JSON, and bounds of their cost."""

from __future__ import annotations

import asyncio
import gc
import gzip
import itertools
import threading
import zlib
from typing import Any

import pytest

from cara.thread_pool import BoundedThreadPool
from cara.web import json_body
from cara.web.tags import SIGNS_A_STEP, MarkupBudget, TooMuchMarkup
from tests.learners import Learner
from tests.web.raw import answer_to

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
    '{"title": 1e999}': "title",
    '{"title": ' + "[" * 200 + "]" * 200 + "}": "body",
}


async def test_text_without_markup_is_stored_unchanged(learner):
    for text in HARMLESS:
        session = await learner.opens_session(title=text, transcript=text, feedbackJson={"note": [text]})
        assert (session["title"], session["transcript"]) == (text, text)
        assert session["feedbackJson"] == {"note": [text]}


async def test_markup_is_removed_before_anything_is_stored(learner):
    for text, left in MARKUP.items():
        session = await learner.opens_session(title=text, feedbackJson={"deep": {"er": text}})
        for stored in (session["title"], session["feedbackJson"]["deep"]["er"]):
            assert left is None or stored == left
            assert "<" not in stored or "script" not in stored.lower()
            assert "onerror" not in stored


async def test_a_transcript_is_kept_exactly_as_it_was_sent(learner):
    """Its format and the offsets of highlights hang on each character."""
    for transcript in (
        "WEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\n<v Ann Lee>I like <b>R&amp;D</b></v>\r\n",
        "*PAR:\t<I wanted> [//] I need it . \x15100_2300\x15\r",
        "\ufeff1\n00:00:01,000 --> 00:00:02,000\n<i>Hi</i>\u202e <script>alert(1)</script>\n",
        "<a b=" * 40_000,
        " \n",
    ):
        session = await learner.opens_session(transcript=transcript)
        assert session["transcript"] == transcript
        stored = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
        assert stored["transcript"] == transcript


async def test_a_transcript_that_cannot_be_kept_as_it_is_is_refused(learner):
    session = await learner.opens_session()
    changing = ("PATCH", f"/api/sessions/{session['id']}")
    for transcript, code in (("a\0b", "unstorable"), ("a\ud800b", "unstorable"), ("a" * 200_001, "too_long")):
        problem = await learner.expects(400, *changing, json={"transcript": transcript})
        assert [(each["field"], each["code"]) for each in problem["errors"]] == [("transcript", code)]


async def test_names_of_members_are_left_alone(learner):
    session = await learner.opens_session(feedbackJson={"<b>name</b>": "<b>value</b>"})
    assert session["feedbackJson"] == {"<b>name</b>": "value"}


async def test_passwords_are_neither_trimmed_nor_cleaned(client):
    password = " <b>pass</b> & ‘word’\t "
    learner = await Learner.registers(client, password=password)
    for attempt, status in ((password, 200), (password.strip(), 401), ("pass & ‘word’", 401)):
        answer = await client.post("/api/auth/login", json={"email": learner.email, "password": attempt})
        assert answer.status == status


async def test_invalid_bodies_are_refused_and_the_member_is_named(learner):
    for text, field in REFUSED.items():
        headers = {"Content-Type": "application/json"}
        problem = await learner.expects(400, "POST", "/api/sessions", data=text.encode(), headers=headers)
        assert problem["code"] == "invalid_input"
        assert field in {item["field"] for item in problem["errors"]}, text


OPENS_SESSION = b'{"featureType": "conversation"}'


async def test_a_body_of_another_content_type_is_refused(learner):
    no_json = {"field": "Content-Type", "code": "not_allowed", "message": "must be application/json"}
    for kind in (
        "",
        "text/plain",
        "text/plain; application/json",
        "text/plain, application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/jsonp",
        "text/json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/merge-patch+json",
    ):
        headers = {"Content-Type": kind}
        for body in (OPENS_SESSION, chunks(OPENS_SESSION)):
            problem = await learner.expects(415, "POST", "/api/sessions", data=body, headers=headers)
            assert problem["code"] == "unsupported_media_type", kind
            assert problem["errors"] == [no_json]


async def test_json_is_read_whatever_its_type_is_called(learner):
    for kind in (
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
    ):
        await learner.expects(
            201, "POST", "/api/sessions", data=chunks(OPENS_SESSION), headers={"Content-Type": kind}
        )


async def test_an_empty_body_is_none_whatever_type_it_names(learner):
    """A beacon without data still names a type; a proxy may send its end in chunks."""
    for headers in ({}, {"Content-Type": "text/plain;charset=UTF-8"}, {"Content-Type": "application/json"}):
        for nothing in (b"", chunks()):
            out = await learner.client.post("/api/auth/logout", data=nothing, headers=headers)
            assert out.status == 200
            problem = await learner.expects(400, "POST", "/api/sessions", data=nothing, headers=headers)
            assert [item["field"] for item in problem["errors"]] == ["body"]


async def chunks(*parts):
    """Sends a body in chunks, without saying its length."""
    for part in parts:
        yield part


async def test_an_error_does_not_grow_with_what_was_sent(learner):
    many = {f"{'x' * 300}{number}": 1 for number in range(2_000)}
    response = await learner.call("POST", "/api/sessions", json=many)
    assert response.status == 400
    assert len(await response.read()) < 20_000
    assert len((await response.json())["errors"]) == 50


HISTORY = [{"role": "user", "content": "<a b=&lt;" * 100}] * 1_000
HOSTILE_BODIES = {
    "a history of a thousand turns": (
        "POST",
        "/api/gemini/process",
        {"prompt": "hello", "conversationHistory": HISTORY},
    ),
    "a batch of events": (
        "POST",
        "/api/analytics/events",
        {"events": [{"eventType": "a", "metadata": {"a": "<b>&lt;" * 270}}] * 500},
    ),
    "names in a batch of events": (
        "POST",
        "/api/analytics/events",
        {"events": [{"eventType": "a", "metadata": {"<b>&lt;" * 270: 1}}] * 500},
    ),
    "many texts": ("PATCH", "/api/sessions/{id}", {"feedbackJson": {"a": ["<<<b>b>b>" * 5] * 19_000}}),
    "a text of signs and a tag that grows": (
        "PATCH",
        "/api/sessions/{id}",
        {"feedbackJson": {"a": "&am&amp;amp;amp;lt;b>p;amp;amp;lt;b>" + "&" * 1_000_000}},
    ),
    "one text": ("PATCH", "/api/sessions/{id}", {"feedbackJson": {"a": "&amp;lt;<b a=" * 70_000}}),
    "markup where no text belongs": ("PATCH", "/api/sessions/{id}", {"title": ["<b x='y'>"] * 19_000}),
}


def errors_alive() -> int:
    """How many errors of texts with too much markup are still referenced."""
    gc.collect()
    return sum(isinstance(each, TooMuchMarkup) for each in gc.get_objects())


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[MarkupBudget]:
    """The budgets of the requests of a test, once something was spent of them."""
    budgets: list[MarkupBudget] = []

    class Watched(MarkupBudget):
        def spend(self, steps: int) -> None:
            if self not in budgets:
                budgets.append(self)
            super().spend(steps)

    monkeypatch.setattr(json_body, "MarkupBudget", Watched)
    return budgets


@pytest.fixture
def read_by(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that have read a body."""
    threads: list[threading.Thread] = []
    read = json_body._read

    def watched(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(json_body, "_read", watched)
    return threads


@pytest.mark.parametrize("shape", HOSTILE_BODIES)
async def test_no_body_costs_more_than_its_budget_nor_holds_up_the_event_loop(learner, spent, read_by, shape):
    session = await learner.opens_session()
    read_by.clear()
    spent.clear()
    method, path, content = HOSTILE_BODIES[shape]
    problem = await learner.expects(400, method, path.format(id=session["id"]), json=content)
    assert problem["code"] == "invalid_input"
    # The last thing to be paid for may cost more than was left: at most to pass over a whole body once.
    assert all(budget.left > -json_body.MAX_BODY_BYTES / SIGNS_A_STEP for budget in spent)
    assert threading.main_thread() not in read_by


async def test_refused_bodies_leak_no_memory(learner):
    session = await learner.opens_session()
    too_much = {"feedbackJson": {"a": ["<<<b>b>b>" * 5] * 9_000}}
    before = errors_alive()
    for _ in range(3):
        await learner.expects(400, "PATCH", f"/api/sessions/{session['id']}", json=too_much)
    assert errors_alive() <= before


@pytest.mark.parametrize(
    ("changes", "costly"),
    [
        ({"transcript": "We cut the budget, & then <3 words more. " * 40}, False),
        ({"transcript": "We cut the budget by two percent. " * 440}, False),
        ({"transcript": "We cut the budget by two percent. " * 1_000}, True),
        ({"feedbackJson": {"a": ["<<<b>b>b>" * 5] * 190}}, True),
        ({"feedbackJson": {"a": [0] * 1_500}}, True),
    ],
)
async def test_only_costly_bodies_are_read_in_a_thread(learner, read_by, changes, costly):
    session = await learner.opens_session()
    read_by.clear()
    await learner.expects(200, "PATCH", f"/api/sessions/{session['id']}", json=changes)
    assert (read_by[-1] is not threading.main_thread()) == costly


async def test_bodies_that_the_model_refuses_are_not_cleaned(learner, spent):
    session = await learner.opens_session()
    spent.clear()
    for refused in ({"title": "<b>" * 1_000}, {"title": ["<b>"] * 1_000}, {"transcript": "<b>", "pace": "x"}):
        await learner.expects(400, "PATCH", f"/api/sessions/{session['id']}", json=refused)
    assert spent == []


async def test_the_queue_of_large_bodies_is_bounded(learner, monkeypatch):
    monkeypatch.setattr(json_body, "_costly_bodies", BoundedThreadPool("none", threads=1, most_waiting=-1))
    session = await learner.opens_session()
    changing = ("PATCH", f"/api/sessions/{session['id']}")
    refused = await learner.call(*changing, json={"transcript": "word " * 8_000})
    assert (refused.status, (await refused.json())["code"]) == (503, "bodies_busy")
    assert refused.headers["Retry-After"] == "1"
    await learner.expects(200, *changing, json={"transcript": "word " * 3_000})


async def test_one_learners_large_bodies_leave_room_for_those_of_others(client, monkeypatch):
    hurried, patient = await Learner.registers(client), await Learner.registers(client)
    his, hers = [(await learner.opens_session())["id"] for learner in (hurried, patient)]
    go_on, read = threading.Event(), json_body._read
    monkeypatch.setattr(json_body, "_costly_bodies", BoundedThreadPool("few", threads=2, most_waiting=8))

    def held(model: Any, raw: bytes, budget: MarkupBudget) -> Any:
        assert b"hurried" not in raw or go_on.wait(60)
        return read(model, raw, budget)

    monkeypatch.setattr(json_body, "_read", held)
    large = {"transcript": "hurried " * 5_000}
    sent = [asyncio.create_task(hurried.call("PATCH", f"/api/sessions/{his}", json=large)) for _ in range(6)]
    # One is being read and two wait, a quarter of eight: the other three are refused at once.
    refused = [await first for first in itertools.islice(asyncio.as_completed(sent), 3)]
    assert [answer.status for answer in refused] == [429] * 3
    assert (await refused[0].json())["code"] == "rate_limited"
    await patient.expects(200, "PATCH", f"/api/sessions/{hers}", json={"transcript": "patient " * 5_000})
    go_on.set()
    assert sorted([(await answer).status for answer in sent]) == [200] * 3 + [429] * 3


async def test_a_body_may_have_a_megabyte_and_no_byte_more(learner):
    session = await learner.opens_session()
    changing = ("PATCH", f"/api/sessions/{session['id']}")
    whole = b'{"title": "Mine"}'.ljust(1_048_576)
    as_json = {"Content-Type": "application/json"}
    await learner.expects(200, *changing, data=whole, headers=as_json)
    refused = await learner.expects(413, *changing, data=whole + b" ", headers=as_json)
    assert refused["code"] == "payload_too_large"


async def test_a_large_body_for_which_there_is_no_room_is_refused_before_it_is_sent(client, monkeypatch):
    monkeypatch.setattr(json_body, "_costly_bodies", BoundedThreadPool("none", threads=1, most_waiting=-1))
    answer = await answer_to(
        client.port,
        b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 32001\r\n\r\n",
    )
    assert (answer.status, answer.problem["code"]) == (503, "bodies_busy")


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress)]
)
async def test_a_compressed_body_is_read_like_any_other(learner, encoding, compress):
    session = await learner.opens_session()
    changed = await learner.expects(
        200,
        "PATCH",
        f"/api/sessions/{session['id']}",
        data=compress(b'{"title": "Packed"}'),
        headers={"Content-Encoding": encoding, "Content-Type": "application/json"},
    )
    assert changed["title"] == "Packed"
