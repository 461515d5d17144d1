"""The reader of event streams by itself: what gateways write, split anywhere, becomes objects."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.gemini import event_stream
from cara.gemini.event_stream import EventStreamReader

FIRST = {"candidates": [{"content": {"parts": [{"text": "We grew.\u2028 Ärger"}]}}]}
SECOND = {"usageMetadata": {"totalTokenCount": 9}}
DONE = "data: [DONE]\n\n"
NOISE = (
    ": comment\n\n", ":\n", "event: message\n", "event:done\n", "id: 7\n", "id\n", "retry: 100\n",
    "data: [DONE]\n\n", "data:[DONE]\n\n", "data: null\n\n", "data: ping\n\n", 'data: "ping"\n\n',
    "data: 7\n\n", "data: []\n\n", "data: [1, null]\n\n", "data:\n\n", "data\n\n", "foo: bar\n", "junk\n",
    "\n",
)  # fmt: skip


def read(*pieces: bytes) -> list[Any]:
    events = EventStreamReader()
    return [event for piece in pieces for event in events.feed(piece)] + list(events.close())


def written(*payloads: Any) -> bytes:
    return "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads).encode()


def test_what_gemini_writes_is_read() -> None:
    stream = written(FIRST, SECOND).replace(b"\n", b"\r\n")
    assert read(stream) == [FIRST, SECOND]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("noise", NOISE)
def test_what_is_no_object_is_dropped_wherever_it_stands(noise: str, end: str) -> None:
    first, second = (f"data: {json.dumps(one)}\n\n" for one in (FIRST, SECOND))
    for stream in (noise + first + second, first + noise + second, first + second + noise):
        assert read(stream.replace("\n", end).encode()) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "stream",
    [
        b'data:{"responseId": "a"}\n\n',
        b'\xef\xbb\xbfdata: {"responseId": "a"}\n\n',
        b'event: chunk\nid: 1\ndata:   {"responseId": "a"}  \n\n',
        b'data: {"responseId": "a"}\n',
        b'data: {"responseId": "a"}',
        b'{"responseId": "a"}\n',
        b'{\n  "responseId": "a"\n}\n',
        b'data: {\ndata: "responseId":\ndata:\n: comment\ndata: "a"}\n\n',
        b'data: [{"responseId": "a"}, 7]\n\n',
    ],
)
def test_an_object_is_read_however_it_is_written(stream: bytes) -> None:
    assert read(stream) == [{"responseId": "a"}]


def test_events_need_no_empty_line_between_them() -> None:
    assert read(written(FIRST, SECOND).replace(b"\n\n", b"\n")) == [FIRST, SECOND]


def test_an_object_is_read_as_soon_as_its_line_has_ended() -> None:
    events = EventStreamReader()
    assert list(events.feed(b'data: {"responseId": "a"}')) == []
    assert list(events.feed(b"\r")) == [{"responseId": "a"}]
    assert list(events.feed(b"\n\r\n")) == []
    assert list(events.feed(b'data: {"responseId": "b"}\n')) == [{"responseId": "b"}]


def test_literal_control_characters_and_bytes_that_are_no_text_are_read() -> None:
    assert read(b'data: {"responseId": "x\ty \xff z"}\n\n') == [{"responseId": "x\ty \ufffd z"}]


def test_lone_halves_of_a_character_are_read() -> None:
    stream = b'data: {"responseId": "x\\ud83d"}\n\ndata: {"responseId": "\\ude00 \\ud83d\\ude00"}\n\n'
    assert read(stream) == [{"responseId": "x\ud83d"}, {"responseId": "\ude00 😀"}]


@pytest.mark.parametrize(
    "line", [b'{"a": {"b', b'data: {"a": {"b', b"data: {a}", b'data: {"a":' + b'{"a":' * 100_000]
)
@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_an_object_that_cannot_be_read_is_refused_behind_those_before_it(line: bytes, end: bytes) -> None:
    events = EventStreamReader()
    read_on = chain(events.feed(written(FIRST) + line + end), events.close())
    assert next(read_on) == FIRST
    with pytest.raises((ValueError, RecursionError)):
        next(read_on)


pieces = st.lists(
    st.one_of(
        st.sampled_from(NOISE),
        st.dictionaries(
            st.sampled_from(["responseId", "modelVersion"]), st.text(min_size=1, max_size=10), max_size=3
        ).map(lambda found: f"data: {json.dumps(found)}\n\n"),
    ),
    max_size=12,
)


@given(pieces, st.sampled_from(["\n", "\r", "\r\n"]), st.data())
def test_where_a_stream_is_split_makes_no_difference(lines: list[str], end: str, data: st.DataObject) -> None:
    stream = "".join(lines).replace("\n", end).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    split = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    sent = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert read(*split) == read(stream) == read(*(bytes([byte]) for byte in stream)) == sent


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(stream: bytes) -> None:
    with suppress(ValueError):
        read(stream)


def test_nothing_but_the_line_under_way_is_held() -> None:
    events = EventStreamReader()
    for _ in range(1_000):
        assert list(events.feed(b": ping\ndata: {}\n")) == [{}]
    assert list(events.close()) == []


@pytest.mark.parametrize("after", [DONE, "data: {", 'data: {"error": {"code": 503}}\n\n', "{oops}\n"])
@pytest.mark.parametrize("done", [DONE, "data:[DONE]\r\n", "[DONE]\n"])
def test_what_follows_on_the_end_mark_of_a_finished_answer_is_dropped(done: str, after: str) -> None:
    stream = written(FIRST) + (done + after).encode()
    for split in ([stream], [bytes([byte]) for byte in stream]):
        events = EventStreamReader()
        events.is_finished = True
        assert [event for piece in split for event in events.feed(piece)] == [FIRST]
        assert list(events.close()) == []


def test_what_follows_on_the_end_mark_within_an_answer_is_read() -> None:
    assert read(written(FIRST) + DONE.encode() + written(SECOND)) == [FIRST, SECOND]


def test_a_line_that_is_too_long_is_dropped_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 1_000)
    events = EventStreamReader()
    assert list(events.feed(b'data: {"responseId": "')) == []
    for _ in range(100):
        assert list(events.feed(b"x" * 100)) == []
    assert list(events.feed(b'"}\n\n')) == []
    assert list(events.feed(written(FIRST))) == [FIRST]
    lines = b"data: {\n" + b'data: "modelVersion": 1,\n' * 1_000 + b'data: "responseId": "b"}\n\n'
    assert list(events.feed(lines + written(SECOND))) == [SECOND]


def test_an_integer_of_thousands_of_digits_costs_no_event() -> None:
    raw = json.dumps({**FIRST, "odd": 0}).replace('"odd": 0', '"odd": ' + "9" * 5_000)
    assert read(f"data: {raw}\n\n".encode()) == [{**FIRST, "odd": 2**63 - 1}]
