"""How errors of the SDK and of the network are translated."""

import aiohttp
import pytest
from google.genai import errors

from cara.errors import Unavailable
from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import NOTHING_USED, GeminiCall, GeminiUsage
from cara.gemini.errors import (
    GeminiBadAnswer,
    GeminiError,
    GeminiInterrupted,
    GeminiMisconfigured,
    GeminiRateLimited,
    GeminiRefused,
    GeminiTimedOut,
    GeminiUnavailable,
)
from cara.gemini.responses import ResponseChunk
from cara.gemini.translation import translate_error, translate_errors


class Headers:
    def __init__(self, **headers):
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def refusal(code, status="", details=None, response=None):
    body = {"error": {"code": code, "message": "words", "status": status, "details": details or []}}
    return errors.APIError(code, body, response)


def translated(error, *, has_text=False):
    return translate_error(error, has_text=has_text)


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
def test_a_status_is_translated_to_its_error(code, status, kind):
    assert type(translated(refusal(code, status))) is kind


@pytest.mark.parametrize("reason", ["API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"])
def test_a_bad_key_is_the_operators_to_correct_whatever_stands_beside_it(reason):
    details = [{"reason": "SOMETHING_ELSE"}, {"reason": reason}]
    assert type(translated(refusal(400, "INVALID_ARGUMENT", details))) is GeminiMisconfigured


@pytest.mark.parametrize(("code", "kind"), [(429, GeminiRateLimited), (503, GeminiUnavailable)])
def test_what_may_pass_says_when(code, kind):
    error = refusal(code, "", [{"retryDelay": "12.5s"}])
    failure = translated(error)
    assert (type(failure), failure.retry_after_seconds) == (kind, 12.5)


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
    assert type(translated(aiohttp.ClientPayloadError(), has_text=True)) is GeminiInterrupted


def sent():
    progress = AnswerInProgress(GeminiCall("", [], 500))
    progress.send()
    return progress


async def test_a_translated_error_has_what_arrived_before_it_and_no_word_of_the_original():
    progress = sent()
    progress.add(ResponseChunk(text="We", usage=GeminiUsage(5, 4, 0, 0, 9)))
    with pytest.raises(GeminiInterrupted) as cut:
        async with translate_errors(progress):
            raise aiohttp.ClientPayloadError("We")
    assert cut.value.usage.total_tokens == 9
    assert cut.value.__cause__ is None
    assert cut.value.__suppress_context__


async def test_an_error_response_before_an_answer_costs_nothing_though_the_request_was_sent():
    with pytest.raises(GeminiRateLimited) as limited:
        async with translate_errors(sent()):
            raise refusal(429)
    assert limited.value.usage == NOTHING_USED


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("We"),
        TypeError("We"),
        KeyError("We"),
        RecursionError("We"),
        UnicodeDecodeError("utf-8", b"We", 0, 1, "odd"),
    ],
)
async def test_whatever_the_sdk_raises_is_an_answer_that_cannot_be_read_and_an_error_in_the_log(
    error, caplog
):
    with pytest.raises(GeminiBadAnswer) as bad:
        async with translate_errors(sent()):
            raise error
    assert bad.value.reason == "unreadable"
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert type(error).__name__ in logged.getMessage()
    assert "We" not in caplog.text


async def test_an_error_of_our_own_is_not_translated():
    error = Unavailable()
    with pytest.raises(Unavailable) as raised:
        async with translate_errors(sent()):
            raise error
    assert raised.value is error


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "odd", "message": {"a": 1}, "status": ["x"], "details": {"b": 2}}},
        {"error": {"details": [{"reason": ["API_KEY_INVALID"]}, {"retryDelay": {"seconds": 1}}]}},
        {"error": "text"},
        [1, 2],
        "text",
    ],
)
@pytest.mark.parametrize("code", [200, 400, 429, 503])
def test_an_error_with_odd_members_is_translated_too(code, body):
    assert isinstance(translated(errors.APIError(code, body)), GeminiError)


@pytest.mark.parametrize("delay", ["9" * 400 + "s", "1e9s", "-3s", "²s"])
def test_a_wait_that_cannot_be_is_ignored(delay):
    assert translated(refusal(429, "", [{"retryDelay": delay}])).retry_after_seconds is None
