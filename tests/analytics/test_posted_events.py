"""Bodies of events that are read without pydantic: the same events come of them, and nothing else passes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cara.analytics.schemas import PostedEvents
from cara.web.free_json import quote_free_json
from cara.web.strict_json import parse_object
from cara.web.tags import MarkupBudget

ID = "9b2f4c1a-6d3e-4f50-8a7b-1c2d3e4f5a6b"
PLAIN: dict[str, Any] = {
    "eventType": "exercise_opened",
    "eventId": ID,
    "metadata": {"featureType": "video", "n": 1},
    "occurredAt": "2026-01-31T09:30:00Z",
}


def plainly(body: object) -> PostedEvents | None:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return PostedEvents.read_plain(parse_object(raw), raw)


def by_pydantic(body: object) -> PostedEvents:
    quoted = quote_free_json(PostedEvents, json.dumps(body, ensure_ascii=False).encode())
    return PostedEvents.model_validate_json(quoted, context=MarkupBudget())


def members(posted: PostedEvents) -> tuple[bool, list[tuple[object, ...]]]:
    return posted.is_batch, [
        (event.event_type, event.metadata.raw, event.event_id, event.occurred_at) for event in posted.events
    ]


def with_(**changes: object) -> dict[str, Any]:
    return PLAIN | changes


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {"b": []}


ACCEPTED = {
    "an event": PLAIN,
    "a type alone": {"eventType": "x"},
    "nulls": {"eventType": "x", "eventId": None, "occurredAt": None},
    "another spelling of an id": with_(eventId=ID.replace("-", "").upper()),
    "letters of other scripts": with_(metadata={"Straße": "日本語", "emoji": "🙂"}),
    "escapes": with_(metadata={"quoted": 'say "yes" \\ \n'}),
    "the longest type": with_(eventType="x" * 64),
    "the deepest metadata": with_(metadata=nested(4)),
    "the largest metadata": with_(metadata={"long": "x" * (8192 - len('{"long":""}'))}),
    "a batch": {"events": [PLAIN, {"eventType": "x"}]},
    "a batch of one": {"events": [PLAIN]},
    "the largest batch": {"events": [{"eventType": "x"}] * 500},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_plain_events_are_read_as_pydantic_reads_them(name: str) -> None:
    posted = plainly(ACCEPTED[name])
    assert posted
    assert members(posted) == members(by_pydantic(ACCEPTED[name]))


NOT_PLAIN = {
    "no type": {"eventId": ID},
    "a long type": with_(eventType="x" * 65),
    "a type with a line end": with_(eventType="opened\n"),
    "a type of Cara's own": with_(eventType="cara.session_created"),
    "an id of Cara's own": with_(eventId="01a210b2-7033-8223-92a9-ba07b2cf72ba"),
    "a number for an id": with_(eventId=17),
    "a URN": with_(eventId=f"urn:uuid:{ID}"),
    "no time": with_(occurredAt="yesterday"),
    "a number for a time": with_(occurredAt=1_769_851_800),
    "a list for metadata": with_(metadata=[1]),
    "null for metadata": with_(metadata=None),
    "metadata that is too deep": with_(metadata=nested(6)),
    "metadata that is too large": with_(metadata={"long": "x" * 8192}),
    "markup": with_(metadata={"page": "<b>home</b>"}),
    "a reference": with_(metadata={"page": "&lt;b&gt;"}),
    "an override of direction": with_(metadata={"page": "a\u202eb"}),
    "a control character": with_(metadata={"page": "a\u0001b"}),
    "a name with markup": with_(metadata={"<b>": 1}),
    "an unknown member": with_(userId="other"),
    "no events": {"events": []},
    "too many events": {"events": [{"eventType": "x"}] * 501},
    "a batch and an event": with_(events=[PLAIN]),
    "an event that is none": {"events": [PLAIN, 1]},
    "a bad event among good ones": {"events": [PLAIN, with_(eventType="two words")]},
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_is_left_for_pydantic(name: str) -> None:
    assert plainly(NOT_PLAIN[name]) is None


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
EVENTS = st.fixed_dictionaries(
    {"eventType": st.sampled_from(["x", "a.b:c-d_9", "9x", "cara.x", "", "ä"]) | TEXTS},
    optional={
        "eventId": st.uuids().map(str) | st.none() | st.sampled_from(["", ID.upper(), f"{{{ID}}}"]),
        "occurredAt": st.datetimes().map(lambda time: f"{time.isoformat()}+02:00") | st.none() | TEXTS,
        "metadata": st.dictionaries(TEXTS, TEXTS | st.integers(0, 9) | st.lists(TEXTS), max_size=3),
        "other": st.just(1),
    },
)


@given(EVENTS | st.fixed_dictionaries({"events": st.lists(EVENTS, max_size=3)}))
def test_nothing_is_read_plainly_but_what_pydantic_reads_alike(body: dict[str, Any]) -> None:
    posted = plainly(body)
    try:
        expected = by_pydantic(body)
    except ValidationError:
        assert posted is None
    else:
        assert posted is None or members(posted) == members(expected)


def test_numbers_keep_their_digits_and_white_space_goes() -> None:
    raw = b'{ "eventType" : "x", "metadata" : { "n" : 1.10, "big" : 1e2 } }'
    posted = PostedEvents.read_plain(parse_object(raw), raw)
    assert posted
    (event,) = posted.events
    assert event.metadata.raw == b'{"n":1.10,"big":1e2}'


def test_an_id_is_a_uuid() -> None:
    posted = plainly(PLAIN)
    assert posted
    assert posted.events[0].event_id == UUID(ID)
