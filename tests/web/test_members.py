"""Members of responses that are taken from rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cara.json_values import JsonText, Number
from cara.web.handlers import model_json
from cara.web.members import members_json, members_of
from cara.web.models import Instant, ResponseModel

ID = UUID("01a209d7-1726-72d1-b1df-32f7915dcf9d")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Talk(ResponseModel):
    talk_id: UUID
    given_at: Instant
    mean_score: Number | None
    duration_seconds: Number
    words: int


@pytest.mark.parametrize(
    ("mean_score", "duration_seconds"), [(80.0, 61.5), (None, 61.0), (0.1 + 0.2, 0.0), (100, 10.0**15)]
)
def test_members_of_a_row_are_those_of_the_model(mean_score: float | None, duration_seconds: float) -> None:
    row = {
        "talk_id": ID,
        "given_at": NOON,
        "mean_score": mean_score,
        "duration_seconds": duration_seconds,
        "words": 7,
        "another_column": "which the model does not have",
    }
    written = members_json(members_of(Talk)(row))
    assert written == model_json(Talk.model_validate(row))


def test_text_that_is_json_stands_in_it_as_it_is() -> None:
    text = b'{"b": 1e3, "a": 1.50, "b": "\\u00e9"}'
    assert members_json({"first": JsonText(text), "last": None}) == b'{"first":' + text + b',"last":null}'


def test_what_a_response_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError, match="object is no value"):
        members_json({"member": object()})


def test_a_row_without_a_column_of_the_model_is_an_error() -> None:
    with pytest.raises(KeyError):
        members_of(Talk)({"talk_id": ID})
    assert json.loads(members_json({"id": ID})) == {"id": str(ID)}
