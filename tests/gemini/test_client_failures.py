"""How errors of the SDK and the network are translated, and how an answer is normalized."""

import aiohttp
import pytest
from google.genai import errors
from google.genai.types import GenerateContentResponse

from cara.gemini.answers import AnswerInProgress, ResponseChunk, parse_response
from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiInterrupted,
    GeminiMisconfigured,
    GeminiRefused,
    GeminiTimedOut,
    GeminiUnavailable,
    translate_error,
)
from cara.gemini.resilience import translate_errors


class Headers:
    def __init__(self, **headers):
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def refusal(code, status="", details=None, response=None):
    body = {"error": {"code": code, "message": "words", "status": status, "details": details or []}}
    return errors.APIError(code, body, response)


def translated(error, usage=NOTHING_USED, *, has_text=False):
    return translate_error(error, usage, has_text=has_text)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (401, "UNAUTHENTICATED", GeminiMisconfigured),
        (403, "PERMISSION_DENIED", GeminiMisconfigured),
        (404, "NOT_FOUND", GeminiMisconfigured),
        (400, "FAILED_PRECONDITION", GeminiMisconfigured),
        (400, "INVALID_ARGUMENT", GeminiRefused),
        (413, "", GeminiRefused),
        (408, "", GeminiTimedOut),
        (504, "DEADLINE_EXCEEDED", GeminiTimedOut),
        (502, "", GeminiUnavailable),
    ],
)
def test_a_status_has_its_place_in_the_tree(code, status, kind):
    assert type(translated(refusal(code, status))) is kind


def test_a_cause_says_what_is_wrong_and_not_what_was_sent():
    said = 'She said "no" to me'
    body = {"error": {"code": 400, "message": f"Invalid value at 'contents', \"{said}\".", "status": "BAD"}}
    cause = translated(errors.APIError(400, body)).cause
    assert cause == "400 BAD: Invalid value at 'contents', \"…\"."
    body["error"]["message"] = "word " * 1_000
    assert len(translated(errors.APIError(400, body)).cause) < 350


@pytest.mark.parametrize(
    ("details", "header", "seconds"),
    [
        ([{"retryDelay": "12.5s"}], "3", 12.5),
        ([{"reason": "busy"}, "odd"], "3", 3.0),
        ([], "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ([{"retryDelay": "soon"}], "", None),
    ],
)
def test_the_wait_is_read_from_retry_info_or_else_from_the_header(details, header, seconds):
    error = refusal(429, "RESOURCE_EXHAUSTED", details, Headers(Retry_After=header))
    assert translated(error).retry_after_seconds == seconds


def test_a_refusal_without_a_readable_body_is_still_one():
    assert type(translated(errors.APIError(503, {"message": "<html>"}))) is GeminiUnavailable


@pytest.mark.parametrize(
    "error", [errors.UnknownApiResponseError("no JSON"), ValueError("no model of an answer")]
)
def test_an_answer_that_the_sdk_cannot_read_is_a_bad_one(error):
    assert translated(error).reason == "unreadable"


def test_a_lost_connection_cuts_an_answer_that_had_begun():
    assert type(translated(aiohttp.ServerDisconnectedError())) is GeminiUnavailable
    cut = translated(aiohttp.ClientPayloadError(), GeminiUsage(total_tokens=9), has_text=True)
    assert (type(cut), cut.usage.total_tokens) == (GeminiInterrupted, 9)


async def test_a_translated_error_has_what_arrived_before_it_and_no_word_of_the_original():
    progress = AnswerInProgress(None)
    progress.add(ResponseChunk(text="We", usage=GeminiUsage(total_tokens=9)))
    with pytest.raises(GeminiInterrupted) as cut:
        async with translate_errors(progress):
            raise aiohttp.ClientPayloadError("We")
    assert cut.value.usage.total_tokens == 9
    assert cut.value.__cause__ is None
    assert cut.value.__suppress_context__


async def test_a_mistake_of_our_own_is_not_blamed_on_gemini():
    with pytest.raises(KeyError):
        async with translate_errors(AnswerInProgress(None)):
            raise KeyError("ours")


@pytest.mark.parametrize(("reason", "category"), [("RECITATION", "recitation"), ("SPII", "spii")])
def test_a_held_back_answer_without_ratings_is_named_by_its_reason(reason, category):
    progress = AnswerInProgress(None)
    progress.add(ResponseChunk(text="We", finish_reason=reason))
    with pytest.raises(ContentBlocked) as blocked:
        progress.finish()
    assert blocked.value.category == category


def test_any_other_end_is_a_bad_answer_named_by_its_reason():
    progress = AnswerInProgress(None)
    progress.add(ResponseChunk(text="We", finish_reason="MALFORMED_RESPONSE"))
    with pytest.raises(GeminiBadAnswer) as bad:
        progress.finish()
    assert bad.value.reason == "malformed_response"


ANY_TEXTS = {"type": "object", "additionalProperties": {"type": ["string", "array"]}}


def json_answer(text, schema=ANY_TEXTS):
    progress = AnswerInProgress(schema)
    progress.add(ResponseChunk(text=text, finish_reason="STOP"))
    return progress.finish()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (r'{"summary": "We\u0000 spoke"}', {"summary": "We spoke"}),
        (
            r'{"sum\u0000mary": ["half \uD83d", {"deep": "\udE00 too"}]}',
            {"summary": ["half ?", {"deep": "? too"}]},
        ),
        (r'{"whole": "\ud83d\ude00", "written": "\\u0000"}', {"whole": "😀", "written": r"\u0000"}),
    ],
)
def test_what_neither_utf8_nor_postgresql_can_hold_does_not_come_in_by_an_escape(written, said):
    assert json_answer(written).data == said


def test_a_piece_of_which_nothing_remains_is_none_and_begins_no_answer():
    progress = AnswerInProgress(None)
    assert progress.add(ResponseChunk(text="\0")) is None
    assert not progress.has_text


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}```",
        "Here you are:\n\n{}\n\nI hope that it helps {{a lot}}.",
        "With {{care}} I judged:\n{}",
        "Here is the {{JSON}} that you want: {}",
        '<think>{{"plan": 1}}</think>{}',
        "{{}}\n{}",
        '{}\n{{"done": true}}',
        "Sure, ```json {} ```",
        "[{}]",
    ],
)
def test_an_object_is_found_whatever_stands_around_it(around):
    written = '{"a": {"b": "line\none"}, "c": [{"d": 1}]}'
    assert json_answer(around.format(written)).data == {"a": {"b": "line\none"}, "c": [{"d": 1}]}


@pytest.mark.parametrize(
    "written",
    [
        '{"a":\n{"b": 1},\n"c":\n[\n{"d": 2},',
        '{"plan": 1}\n{"a": {"b": 1}, "c": "un',
        '{"a": {"b": 1}, "c": [',
        '```json\n{"a": {"b": 1},',
        "No.",
        "[1]",
    ],
)
def test_a_part_of_an_object_is_none(written):
    with pytest.raises(GeminiBadAnswer) as bad:
        json_answer(written)
    assert bad.value.reason == "not_json"


def test_json_that_is_whole_is_an_answer_although_the_room_was_used_up():
    progress = AnswerInProgress({})
    progress.add(ResponseChunk(text='{"a": 1}', finish_reason="MAX_TOKENS"))
    assert progress.finish().data == {"a": 1}
    assert progress.finish().truncated


@pytest.mark.parametrize("text", ['{"score": ' + "9" * 5_000 + "}", '{"a":' * 100_000 + "}" * 100_000])
def test_json_that_cannot_be_read_is_a_bad_answer_whatever_the_parser_says(text):
    with pytest.raises(GeminiBadAnswer) as bad:
        json_answer(text, schema={})
    assert bad.value.reason == "not_json"


def test_of_each_count_of_tokens_the_highest_that_was_told_holds():
    progress = AnswerInProgress(None)
    told = [
        GeminiUsage(600, 0, 0, 0, 600),
        GeminiUsage(600, 300, 50, 10, 950),
        GeminiUsage(),
        None,
        GeminiUsage(600, 10, 0, 0, 610),
    ]
    for usage in told:
        progress.add(ResponseChunk(text="word ", usage=usage))
    assert progress.usage == GeminiUsage(600, 300, 50, 10, 950)


def test_the_name_of_a_model_can_be_stored():
    progress = AnswerInProgress(None)
    progress.add(ResponseChunk(model="gemini\0-\ud83d" + "x" * 1_000))
    assert progress.model == "gemini-?" + "x" * 92


@pytest.mark.parametrize("odd", [-5, 2**31, 2**32])
def test_a_count_that_is_none_is_not_counted_and_thoughts_are_an_answer(odd):
    response = GenerateContentResponse.model_validate(
        {
            "candidates": [{"content": {"parts": [{"text": "Let me see.", "thought": True}]}}],
            "usageMetadata": {"promptTokenCount": 600, "candidatesTokenCount": odd, "totalTokenCount": odd},
        }
    )
    chunk = parse_response(response)
    assert (chunk.text, chunk.has_parts, chunk.usage) == ("", True, GeminiUsage(600, 0, 0, 0, 600))
    progress = AnswerInProgress({})
    assert not progress.paid
    progress.add(chunk)
    assert progress.paid
    assert not progress.has_text
