"""The filter of event streams by itself: what gateways write, split anywhere, becomes what the SDK reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai.types import GenerateContentResponse
from hypothesis import given
from hypothesis import strategies as st

from cara.gemini import event_stream
from cara.gemini.event_stream import EventStreamFilter, carry_surrogates, restore_surrogates
from cara.gemini.responses import parse_response

FIRST = {"candidates": [{"content": {"parts": [{"text": "We grew.\u2028 Ärger"}]}}]}
SECOND = {"usageMetadata": {"totalTokenCount": 9}}
ANSWER: dict[str, Any] = {
    "candidates": [{"content": {"parts": [{"text": "We grew."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 9},
}
DONE = "data: [DONE]\n\n"
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
    read: list[Any] = []
    lines: list[str] = []
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
        b'data:{"responseId": "a"}\n\n',
        b'\xef\xbb\xbfdata: {"responseId": "a"}\n\n',
        b'event: chunk\nid: 1\ndata:   {"responseId": "a"}  \n\n',
        b'data: {"responseId": "a"}\n',
        b'data: {"responseId": "a"}',
        b'{"responseId": "a"}\n',
        b'data: {\ndata: "responseId":\ndata:\n: comment\ndata: "a"}\n\n',
        b'data: [{"responseId": "a"}, 7]\n\n',
        b'data: {"responseId": "a", "error": null}\n\n',
    ],
)
def test_an_object_is_read_however_it_is_written(stream: bytes) -> None:
    assert payloads(filtered(stream)) == [{"responseId": "a"}]


def test_events_need_no_empty_line_between_them() -> None:
    assert payloads(filtered(written(FIRST, SECOND).replace(b"\n\n", b"\n"))) == [FIRST, SECOND]


def test_an_object_is_passed_as_soon_as_its_line_has_ended() -> None:
    events = EventStreamFilter()
    assert events.feed(b'data: {"responseId": "a"}') == b""
    assert payloads(events.feed(b"\r")) == [{"responseId": "a"}]
    assert events.feed(b"\n\r\n") == b""
    assert payloads(events.feed(b'data: {"responseId": "b"}\n')) == [{"responseId": "b"}]


def test_literal_control_characters_and_bytes_that_are_no_text_are_carried_through() -> None:
    assert payloads(filtered(b'data: {"responseId": "x\ty \xff z"}\n\n')) == [{"responseId": "x\ty \ufffd z"}]


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


def test_an_object_that_is_too_deep_is_left_for_the_sdk_to_refuse() -> None:
    payload = '{"a":' * 100_000
    assert payload.encode() in filtered(f"data: {payload}\n\n".encode())


def test_lone_halves_of_a_character_are_carried_where_the_sdk_accepts_them() -> None:
    stream = filtered(
        b'data: {"responseId": "x\\ud83d"}\n\ndata: {"responseId": "\\ude00 \\ud83d\\ude00"}\n\n'
    )
    first, second = payloads(stream)
    assert json.loads(json.dumps([first, second])) == [first, second]
    stream.decode()
    assert restore_surrogates(first["responseId"]) == "x\ud83d"
    assert restore_surrogates(second["responseId"]) == "\ude00 😀"


@given(st.text(alphabet=st.characters(categories=["Cs", "L", "So"]), max_size=20))
def test_carried_surrogates_are_restored(text: str) -> None:
    carried = carry_surrogates(text)
    carried.encode()
    assert restore_surrogates(carried) == text


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
    assert filtered(*split) == filtered(stream) == filtered(*(bytes([byte]) for byte in stream))
    sent = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert payloads(filtered(stream)) == sent


@given(st.binary(max_size=200))
def test_no_bytes_can_break_it(stream: bytes) -> None:
    filtered(stream)


def test_nothing_but_the_line_under_way_is_held() -> None:
    events = EventStreamFilter()
    for _ in range(1_000):
        events.feed(b": ping\ndata: {}\n")
    assert events.close() == b""


@pytest.mark.parametrize("after", [DONE, "data: {", 'data: {"error": {"code": 503}}\n\n', "{oops}\n"])
@pytest.mark.parametrize("done", [DONE, "data:[DONE]\r\n", "[DONE]\n"])
def test_what_follows_on_the_end_mark_of_a_finished_answer_is_dropped(done: str, after: str) -> None:
    stream = written(FIRST, ANSWER) + (done + after).encode()
    assert payloads(filtered(stream)) == [FIRST, ANSWER]
    assert payloads(filtered(*(bytes([byte]) for byte in stream))) == [FIRST, ANSWER]


def test_a_line_that_is_too_long_is_dropped_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 1_000)
    events = EventStreamFilter()
    assert events.feed(b'data: {"responseId": "') == b""
    for _ in range(100):
        assert events.feed(b"x" * 100) == b""
    assert events.feed(b'"}\n\n') == b""
    assert payloads(events.feed(written(FIRST))) == [FIRST]
    lines = b"data: {\n" + b'data: "modelVersion": 1,\n' * 1_000 + b'data: "responseId": "b"}\n\n'
    assert payloads(events.feed(lines + written(SECOND))) == [SECOND]


@pytest.mark.parametrize(
    "odd",
    [
        {"createTime": 7, "modelStatus": [], "unknown": {"deep": [1]}},
        {"modelVersion": 3, "responseId": ["r"]},
        {"promptFeedback": "none"},
        {"promptFeedback": {"blockReason": 0, "safetyRatings": {}}},
        {"candidates": [None, {**ANSWER["candidates"][0], "index": "0", "tokenCount": "few"}]},
        {"candidates": [{}, {**ANSWER["candidates"][0], "citationMetadata": 5, "safetyRatings": [7, {}]}]},
        {"candidates": [{"index": 1, "content": "No."}, {**ANSWER["candidates"][0], "index": 0}]},
        {"candidates": [{"content": {"role": 1, "parts": ["We grew.", 5]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": "We grew."}, "finishReason": "STOP"}]},
        {"candidates": [{"content": "We grew.", "finishReason": "STOP"}]},
        {"usageMetadata": {"promptTokenCount": "9", "totalTokenCount": True, "promptTokensDetails": 4}},
        {"usageMetadata": {"promptTokenCount": 9.0, "totalTokenCount": 9.5, "thoughtsTokenCount": "-"}},
        {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": float("inf"), "serviceTier": 1}},
    ],
)  # fmt: skip
def test_members_that_nobody_reads_or_of_another_type_cost_no_answer(odd: dict[str, Any]) -> None:
    (read,) = payloads(filtered(written({**ANSWER, **odd})))
    assert read == ANSWER
    response = parse_response(GenerateContentResponse.model_validate(read))
    assert (response.text, response.finish_reason) == ("We grew.", "STOP")
    assert response.usage is not None
    assert response.usage.prompt_tokens == 9


def test_a_thought_and_a_part_without_text_stay_parts() -> None:
    parts = [{"text": "Hm.", "thought": True, "thoughtSignature": 5}, {"functionCall": 1}, {"text": None}]
    (read,) = payloads(filtered(written({"candidates": [{"content": {"parts": parts}}]})))
    assert read["candidates"][0]["content"]["parts"] == [{"text": "Hm.", "thought": True}, {}, {}]


def test_ratings_are_kept_without_what_has_another_type() -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "blocked": True, "probability": 4, "score": "x"}, {}]
    feedback = {"blockReason": "SAFETY", "safetyRatings": ratings, "blockReasonMessage": 1}
    (read,) = payloads(filtered(written({"promptFeedback": feedback})))
    kept = [{"category": "HARM_CATEGORY_HARASSMENT", "blocked": True}]
    assert read == {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": kept}}


def test_an_integer_of_thousands_of_digits_costs_no_answer() -> None:
    raw = json.dumps({**ANSWER, "odd": 0}).replace('"odd": 0', '"odd": ' + "9" * 5_000)
    assert payloads(filtered(f"data: {raw}\n\n".encode())) == [ANSWER]
