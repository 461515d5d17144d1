"""The filter of event streams by itself: what gateways write, split anywhere, becomes what the SDK reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.gemini.event_stream import EventStreamFilter, carry_surrogates, restore_surrogates

FIRST, SECOND = {"candidates": [{"text": "We grew.\u2028 Ärger"}]}, {"usageMetadata": {"totalTokenCount": 9}}
NOISE = (
    ": comment\n\n", ":\n", "event: message\n", "event:done\n", "id: 7\n", "id\n", "retry: 100\n",
    "data: [DONE]\n\n", "data:[DONE]\n\n", "data: null\n\n", "data: ping\n\n", 'data: "ping"\n\n',
    "data: 7\n\n", "data: []\n\n", "data: [1, null]\n\n", "data:\n\n", "data\n\n", "foo: bar\n", "junk\n",
    "\n",
)  # fmt: skip


def filtered(*pieces: bytes) -> bytes:
    events = EventStreamFilter()
    return b"".join([*map(events.feed, pieces), events.close()])


def payloads(stream: bytes) -> list[Any]:
    """Reads a stream as the SDK does: lines `data: {json}` and empty lines, and nothing else."""
    read, lines = [], []
    for line in [*stream.decode().split("\n"), ""]:
        if line:
            assert line.startswith("data: {") or lines
            lines.append(line.removeprefix("data: "))
        elif lines:
            read.append(json.loads("\n".join(lines)))
            lines.clear()
    return read


def written(*payloads: Any) -> bytes:
    return "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads).encode()


def test_what_gemini_writes_is_passed() -> None:
    stream = written(FIRST, SECOND).replace(b"\n", b"\r\n")
    assert payloads(filtered(stream)) == [FIRST, SECOND]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("noise", NOISE)
def test_what_is_no_object_is_dropped_wherever_it_stands(noise: str, end: str) -> None:
    first, second = (f"data: {json.dumps(one)}\n\n" for one in (FIRST, SECOND))
    for stream in (noise + first + second, first + noise + second, first + second + noise):
        assert payloads(filtered(stream.replace("\n", end).encode())) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "stream",
    [
        b'data:{"a": 1}\n\n',
        b'\xef\xbb\xbfdata: {"a": 1}\n\n',
        b'event: chunk\nid: 1\ndata:   {"a": 1}  \n\n',
        b'data: {"a": 1}\n',
        b'data: {"a": 1}',
        b'{"a": 1}\n',
        b'data: {\ndata: "a":\ndata:\n: comment\ndata: 1}\n\n',
        b'data: [{"a": 1}, 7]\n\n',
        b'data: {"a": 1, "error": null}\n\n',
    ],
)
def test_an_object_is_read_however_it_is_written(stream: bytes) -> None:
    assert payloads(filtered(stream)) == [{"a": 1}]


def test_events_need_no_empty_line_between_them() -> None:
    assert payloads(filtered(written(FIRST, SECOND).replace(b"\n\n", b"\n"))) == [FIRST, SECOND]


def test_an_object_is_passed_as_soon_as_its_line_has_ended() -> None:
    events = EventStreamFilter()
    assert events.feed(b'data: {"a": 1}') == b""
    assert payloads(events.feed(b"\r")) == [{"a": 1}]
    assert events.feed(b"\n\r\n") == b""
    assert payloads(events.feed(b'data: {"b": 2}\n')) == [{"b": 2}]


def test_literal_control_characters_and_bytes_that_are_no_text_are_carried_through() -> None:
    assert payloads(filtered(b'data: {"a": "x\ty \xff z"}\n\n')) == [{"a": "x\ty \ufffd z"}]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 503, "status": "UNAVAILABLE"}, 503),
        ({"message": "boom"}, 500),
        ({"code": "odd"}, 500),
        ({"code": None}, 500),
        ({"code": 0}, 500),
        ("boom", 500),
    ],
)
def test_an_error_stands_alone_and_has_a_code(error: Any, code: int) -> None:
    (read,) = payloads(filtered(written({"candidates": [], "error": error})))
    assert list(read) == ["error"]
    assert read["error"]["code"] == code


@pytest.mark.parametrize("line", [b'{"a": {"b', b'data: {"a": {"b', b"data: {a}"])
def test_an_object_that_cannot_be_read_is_left_for_the_sdk_to_refuse(line: bytes) -> None:
    assert filtered(line + b"\n\n").strip() == line


@pytest.mark.parametrize("payload", ['{"a":' * 100_000, '{"a": ' + "9" * 5_000 + "}"])
def test_an_object_that_is_too_deep_or_too_large_is_left_for_the_sdk_to_refuse(payload: str) -> None:
    assert payload.encode() in filtered(f"data: {payload}\n\n".encode())


def test_lone_halves_of_a_character_are_carried_where_the_sdk_accepts_them() -> None:
    stream = filtered(b'data: {"a": "x\\ud83d"}\n\ndata: {"a": "\\ude00 \\ud83d\\ude00"}\n\n')
    first, second = payloads(stream)
    assert json.loads(json.dumps([first, second])) == [first, second]
    stream.decode()
    assert restore_surrogates(first["a"]) == "x\ud83d"
    assert restore_surrogates(second["a"]) == "\ude00 😀"


@given(st.text(alphabet=st.characters(categories=["Cs", "L", "So"]), max_size=20))
def test_carried_surrogates_are_restored(text: str) -> None:
    carried = carry_surrogates(text)
    carried.encode()
    assert restore_surrogates(carried) == text


pieces = st.lists(
    st.one_of(
        st.sampled_from(NOISE),
        st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=3)
        .filter(lambda found: "error" not in found)
        .map(lambda found: f"data: {json.dumps(found)}\n\n"),
    ),
    max_size=12,
)


@given(pieces, st.sampled_from(["\n", "\r", "\r\n"]), st.data())
def test_where_a_stream_is_split_makes_no_difference(lines: list[str], end: str, data: st.DataObject) -> None:
    stream = "".join(lines).replace("\n", end).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    split = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert filtered(*split) == filtered(stream) == filtered(*(bytes([byte]) for byte in stream))
    sent = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert [list(read) for read in payloads(filtered(stream))] == [list(found) for found in sent]


@given(st.binary(max_size=200))
def test_no_bytes_can_break_it(stream: bytes) -> None:
    filtered(stream)


def test_nothing_but_the_line_under_way_is_held() -> None:
    events = EventStreamFilter()
    for _ in range(1_000):
        events.feed(b": ping\ndata: {}\n")
    assert events.close() == b""
