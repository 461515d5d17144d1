"""How responses are parsed, and an answer is put together and normalized."""

from dataclasses import replace

import pytest

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import GeminiCall, GeminiUsage
from cara.gemini.errors import ContentBlocked, GeminiBadAnswer, GeminiRecitation, LanguageUnsupported
from cara.gemini.responses import ResponseChunk, parse_response
from cara.web.problems import status_of

CALL = GeminiCall("", [], 500)


def begun(schema=None):
    progress = AnswerInProgress(replace(CALL, response_schema=schema))
    progress.send()
    return progress


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY"])
def test_a_blocked_answer_without_ratings_is_named_by_its_reason(reason):
    progress = begun()
    progress.add(ResponseChunk(text="We", finish_reason=reason))
    with pytest.raises(ContentBlocked) as blocked:
        progress.finish()
    assert blocked.value.category == reason.lower()


@pytest.mark.parametrize("reason", ["MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "OTHER", "NEW_REASON"])
def test_any_other_end_is_a_bad_answer_named_by_its_reason(reason):
    progress = begun()
    progress.add(ResponseChunk(text="We", finish_reason=reason))
    with pytest.raises(GeminiBadAnswer) as bad:
        progress.finish()
    assert bad.value.reason == reason.lower()
    assert bad.value.code == "gemini_bad_answer"


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("RECITATION", GeminiRecitation, "gemini_recitation"),
        ("LANGUAGE", LanguageUnsupported, "language_unsupported"),
    ],
)
def test_an_end_that_is_no_matter_of_safety_has_words_of_its_own(reason, kind, code):
    progress = begun()
    progress.add(ResponseChunk(text="We", finish_reason=reason))
    with pytest.raises(kind) as refused:
        progress.finish()
    assert (refused.value.code, status_of(kind)) == (code, 503 if kind is GeminiRecitation else 422)
    assert "safety" not in refused.value.detail
    assert isinstance(refused.value, GeminiBadAnswer) == (kind is GeminiRecitation)


def test_a_chunk_that_is_empty_once_stripped_is_none():
    progress = begun()
    assert progress.add(ResponseChunk(text="\0")) is None
    assert not progress.has_text


def test_of_each_count_of_tokens_the_highest_reported_one_holds():
    progress = begun()
    reported = [
        GeminiUsage(600, 0, 0, 0, 600),
        GeminiUsage(600, 300, 50, 10, 950),
        GeminiUsage(),
        None,
        GeminiUsage(600, 10, 0, 0, 610),
    ]
    for usage in reported:
        progress.add(ResponseChunk(text="word ", usage=usage))
    assert progress.spent == GeminiUsage(600, 300, 50, 10, 950)


def test_the_name_of_a_model_can_be_stored():
    progress = begun()
    progress.add(ResponseChunk(model="gemini\0-\ud83d" + "x" * 1_000))
    assert progress.model == "gemini-?" + "x" * 92


@pytest.mark.parametrize("odd", [-5, 2**31, 2**32])
def test_an_impossible_count_is_ignored_and_thoughts_are_paid(odd):
    response = {
        "candidates": [{"content": {"parts": [{"text": "Let me see.", "thought": True}]}}],
        "usageMetadata": {"promptTokenCount": 600, "candidatesTokenCount": odd, "totalTokenCount": odd},
    }
    chunk = parse_response(response)
    assert (chunk.text, chunk.has_parts, chunk.usage) == ("", True, GeminiUsage(600, 0, 0, 0, 600))
    progress = begun({})
    assert not progress.answered
    progress.add(chunk)
    assert progress.answered
    assert not progress.has_text


def response_with(**usage):
    return parse_response({"usageMetadata": usage}).usage


def test_the_total_is_what_gemini_says_and_never_less_than_its_parts():
    counts = {"promptTokenCount": 600, "candidatesTokenCount": 30, "thoughtsTokenCount": 7}
    assert response_with(**counts) == GeminiUsage(600, 30, 7, 0, 637)
    assert response_with(**counts, totalTokenCount=40) == GeminiUsage(600, 30, 7, 0, 637)
    assert response_with(**counts, totalTokenCount=700) == GeminiUsage(600, 30, 7, 0, 700)


def test_tokens_of_tools_are_paid_with_the_prompt_and_cached_ones_are_a_part_of_it():
    usage = response_with(promptTokenCount=600, toolUsePromptTokenCount=50, cachedContentTokenCount=400)
    assert usage == GeminiUsage(650, 0, 0, 400, 650)


def test_thoughts_are_no_part_of_the_text():
    parts = [{"text": "Let me see.", "thought": True}, {"text": "We "}, {"text": "grew."}]
    response = {"candidates": [{"content": {"parts": parts}}]}
    assert parse_response(response).text == "We grew."


@pytest.mark.parametrize("where", ["prompt", "answer"])
def test_a_refusal_is_named_by_the_category_that_was_blocked_and_by_no_other(where):
    ratings = [
        {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"},
        {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True},
    ]
    body = (
        {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": ratings}}
        if where == "prompt"
        else {"candidates": [{"finishReason": "SAFETY", "safetyRatings": ratings}]}
    )
    progress = begun()
    progress.add(parse_response(body))
    with pytest.raises(ContentBlocked) as blocked:
        progress.finish()
    assert blocked.value.category == "harassment"


@pytest.mark.parametrize("reason", ["PROHIBITED_CONTENT", "BLOCKLIST", "OTHER"])
def test_a_blocked_prompt_without_ratings_is_named_by_its_reason(reason):
    progress = begun()
    body = {"promptFeedback": {"blockReason": reason}}
    progress.add(parse_response(body))
    with pytest.raises(ContentBlocked) as blocked:
        progress.finish()
    assert blocked.value.category == reason.lower()
