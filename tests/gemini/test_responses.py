"""What is read of a response, whatever type a gateway has given its members."""

from __future__ import annotations

from typing import Any

import pytest

from cara.gemini.calls import GeminiUsage
from cara.gemini.responses import ResponseChunk, ServiceError, parse_response

ANSWER: dict[str, Any] = {
    "candidates": [{"content": {"parts": [{"text": "We grew."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 9},
}
READ = ResponseChunk("We grew.", True, GeminiUsage(9, 0, 0, 0, 9), "STOP")


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"error": None},
        {"createTime": 7, "modelStatus": [], "unknown": {"deep": [1]}},
        {"modelVersion": 3, "responseId": ["r"]},
        {"promptFeedback": "none"},
        {"promptFeedback": {"blockReason": 0, "safetyRatings": {}}},
        {"candidates": [None, {**ANSWER["candidates"][0], "index": "0", "tokenCount": "few"}]},
        {"candidates": [{}, {**ANSWER["candidates"][0], "citationMetadata": 5, "safetyRatings": [7, {}]}]},
        {"candidates": [{"index": 1, "content": "No."}, {**ANSWER["candidates"][0], "index": 0}]},
        {"candidates": [{"content": {"role": 1, "parts": ["We grew.", 5]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": "We grew."}, "finishReason": "STOP"}]},
        {"candidates": [{"content": "We grew.", "finishReason": "stop"}]},
        {"candidates": ANSWER["candidates"][0]},
        {"usageMetadata": {"promptTokenCount": "9", "totalTokenCount": True, "promptTokensDetails": 4}},
        {"usageMetadata": {"promptTokenCount": 9.0, "totalTokenCount": 9.5, "thoughtsTokenCount": "-"}},
        {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": float("inf"), "serviceTier": 1}},
        {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": "9" * 5_000}},
        {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 1e300}},
    ],
)  # fmt: skip
def test_members_that_nobody_reads_or_of_another_type_cost_no_answer(odd: dict[str, Any]) -> None:
    assert parse_response({**ANSWER, **odd}) == READ


@pytest.mark.parametrize("odd", [7, "many", [1], {}, None])
def test_usage_that_is_none_is_none(odd: Any) -> None:
    assert parse_response({**ANSWER, "usageMetadata": odd}).usage is None


@pytest.mark.parametrize("odd", [{}, {"candidates": []}, {"candidates": 7}, {"promptFeedback": {}}])
def test_a_response_that_says_nothing_is_no_answer(odd: dict[str, Any]) -> None:
    assert parse_response(odd) == ResponseChunk()
    assert not parse_response(odd).is_answer


@pytest.mark.parametrize("thought", [True, "true"])
def test_a_thought_and_a_part_without_text_are_parts_without_text(thought: Any) -> None:
    for part in (
        {"text": "Hm.", "thought": thought, "thoughtSignature": 5},
        {"functionCall": 1},
        {"text": None},
    ):
        read = parse_response({"candidates": [{"content": {"parts": [part]}}]})
        assert (read.text, read.has_parts, read.is_answer) == ("", True, True)


def test_blocked_categories_are_those_of_the_prompt_or_else_of_the_answer() -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "blocked": True, "probability": 4, "score": "x"}, {}]
    others = [{"category": "HARM_CATEGORY_HATE_SPEECH", "blocked": 1}, {"category": 7, "blocked": True}]
    feedback = {"blockReason": "SAFETY", "safetyRatings": ratings, "blockReasonMessage": 1}
    read = parse_response({"promptFeedback": feedback})
    assert (read.block_reason, read.blocked_categories) == ("SAFETY", ("HARM_CATEGORY_HARASSMENT",))
    candidate = {"finishReason": "SAFETY", "safetyRatings": ratings}
    read = parse_response({"candidates": [candidate], "promptFeedback": {"safetyRatings": others}})
    assert (read.finish_reason, read.blocked_categories) == ("SAFETY", ("HARM_CATEGORY_HARASSMENT",))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 503, "status": "UNAVAILABLE"}, 503),
        ({"code": 429, "details": [{"retryDelay": "7s"}]}, 429),
        ({"message": "boom"}, 500),
        ({"code": "odd"}, 500),
        ({"code": None}, 500),
        ({"code": True}, 500),
        ({"code": 0}, 500),
        ("boom", 500),
        (["boom"], 500),
    ],
)
def test_an_error_is_raised_with_a_code(error: Any, code: int) -> None:
    with pytest.raises(ServiceError) as failed:
        parse_response({**ANSWER, "error": error})
    assert failed.value.code == code
    assert failed.value.details["error"] == error
