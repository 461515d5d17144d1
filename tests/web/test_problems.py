"""Errors as problem documents: their status, members and header fields."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from pydantic import BaseModel, ValidationError

from cara.errors import (
    CaraError,
    Conflict,
    FieldProblem,
    InvalidInput,
    LimitReached,
    NotFound,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    UpstreamFailed,
)
from cara.postgres.errors import DatabaseAway
from cara.web.field_problems import LONGEST_FIELD, MOST_FIELDS
from cara.web.problems import (
    STATUSES,
    answer_problems,
    invalid_fields,
    problem_document,
    problem_response,
    status_of,
)
from tests.learners import Learner


class Taken(Conflict):
    code = "taken"
    detail = "Somebody was faster."


class Numbers(BaseModel, extra="forbid"):
    number: int


def test_an_error_has_the_status_of_its_nearest_ancestor():
    assert status_of(Taken) == status_of(Taken()) == 409
    assert status_of(CaraError) == 500
    assert all(400 <= status < 600 for status in STATUSES.values())


def test_a_problem_says_the_same_in_detail_and_error():
    document = problem_document(Taken(), "request-1")
    assert document == {
        "type": "urn:cara:problem:taken",
        "title": "Conflict",
        "status": 409,
        "detail": "Somebody was faster.",
        "code": "taken",
        "requestId": "request-1",
        "error": "Somebody was faster.",
    }


def test_invalid_fields_are_listed():
    error = InvalidInput(
        fields=(
            FieldProblem("email", "format", "must be an address"),
            FieldProblem("title", "too_long", "must have at most 200 characters", limit=200),
        )
    )
    assert problem_document(error, "")["errors"] == [
        {"field": "email", "code": "format", "message": "must be an address"},
        {
            "field": "title",
            "code": "too_long",
            "message": "must have at most 200 characters",
            "limit": 200,
        },
    ]


@pytest.mark.parametrize(("seconds", "field"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (41.2, "42")])
def test_retry_after_is_in_whole_seconds_and_never_too_short(seconds, field):
    error = LimitReached(retry_after_seconds=seconds)
    assert problem_response(error, make_mocked_request("GET", "/")).headers["Retry-After"] == field


def test_what_is_unavailable_can_be_tried_again_soon_also_if_nobody_knows_when():
    request = make_mocked_request("GET", "/")
    assert problem_response(Unavailable(), request).headers["Retry-After"] == "5"
    assert "Retry-After" not in problem_response(Taken(), request).headers


def test_a_415_names_the_encodings_that_are_read():
    request = make_mocked_request("POST", "/")
    assert problem_response(UnsupportedMediaType(), request).headers["Accept-Encoding"] == "gzip, deflate"
    assert "Accept-Encoding" not in problem_response(NotFound(), request).headers


def test_a_401_names_the_authentication_scheme():
    request = make_mocked_request("GET", "/")
    assert problem_response(Unauthenticated(), request).headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in problem_response(NotFound(), request).headers


def test_invalid_members_are_named_but_their_values_never_repeated():
    sent = {"number": "secret", "x" * 500: 1} | {f"m{n}": 1 for n in range(500)}
    with pytest.raises(ValidationError) as caught:
        Numbers.model_validate(sent)
    error = invalid_fields(caught.value, sent, within="body")
    assert len(error.fields) == MOST_FIELDS
    assert max(len(item.field) for item in error.fields) == LONGEST_FIELD
    assert not any("secret" in f"{item.field}{item.message}" for item in error.fields)
    assert "secret" not in error.detail


async def test_an_unforeseen_error_reveals_nothing_internal(served, broken_database_url, caplog):
    learner = await Learner.registers(await served(database_url=broken_database_url))
    response = await learner.call("GET", "/api/sessions")
    problem = await response.json()
    assert (response.status, problem["code"]) == (500, "internal_error")
    assert problem["detail"] == "Something went wrong."
    assert problem["requestId"] in caplog.text


async def test_a_failure_of_the_server_is_logged_unless_it_is_that_of_the_database(caplog):
    """A mistake of the client is not logged either."""

    async def fail(request):
        raise UpstreamFailed from OSError("nobody answers")

    async def trouble(request):
        raise DatabaseAway

    async def refuse(request):
        raise Taken

    for handler, status in ((fail, 502), (trouble, 503), (refuse, 409)):
        response = await answer_problems(make_mocked_request("GET", "/"), handler)
        assert response.status == status
    [record] = [record for record in caplog.records if record.name == "cara.web.problems"]
    assert (record.levelname, record.exc_info is not None) == ("WARNING", True)
    assert record.message.startswith(UpstreamFailed.code)


async def test_a_client_that_left_is_no_unforeseen_error(caplog):
    async def write(request):
        raise ConnectionResetError

    for closing in (True, False):
        transport = Mock(**{"is_closing.return_value": closing, "get_extra_info.return_value": None})
        request = make_mocked_request("GET", "/", transport=transport)
        if closing:
            with pytest.raises(ConnectionResetError):
                await answer_problems(request, write)
            assert "unforeseen" not in caplog.text
        else:  # another connection was lost, that of a service
            assert (await answer_problems(request, write)).status == 500
            assert "unforeseen error" in caplog.text
