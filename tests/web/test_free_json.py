"""Free JSON objects: what comes back of them, and what is refused."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from cara.json_values import JsonText, to_json_object
from cara.web.free_json import FreeJson, quote_free_json
from cara.web.handlers import model_json
from cara.web.models import RequestModel, ResponseModel
from cara.web.tags import MarkupBudget
from tests.learners import Learner
from tests.web.test_strict_json import JSON_VALUES

NUMBERS = (
    "1e22,1e308,5e-324,1.10,0.1,-0.0,-0,9007199254740993,1E5,1e+05,9223372036854775807,100000000000000000000.0,"
    "0.1000000000000000055511151231257827,1.7976931348623157e308,1e-400"
)
WRITTEN = f'{{"z":[{NUMBERS}],"a":{{"é\\u00e9":"\\/ \\ud83d\\ude00 a < b & c"}},"10":null,"9":true}}'
"""Numbers, order of members and escapes that a reader and writer of JSON would change."""


class Item(RequestModel):
    detail: Annotated[JsonText, FreeJson(max_bytes=20, max_levels=2, plain_names=True)] | None = None


class Order(RequestModel):
    note: Annotated[JsonText, FreeJson()]
    title: str = ""
    items: Annotated[list[Item], Field(default_factory=list)]
    first: Item | None = None


class Answer(ResponseModel):
    free_json: JsonText | None
    other: int = 1


def read(body: str, steps: int = 1_000) -> Order:
    """The body of a request, as `read_body` reads one."""
    quoted = quote_free_json(Order, body.encode())
    return Order.model_validate_json(quoted, context=MarkupBudget(steps))


def note_of(written: str, steps: int = 1_000) -> str:
    """What is kept of a free object."""
    return read(f'{{"note": {written}}}', steps).note.raw.decode()


def test_numbers_order_and_escapes_are_kept_and_only_white_space_goes() -> None:
    assert note_of(WRITTEN) == WRITTEN
    assert note_of(' {\n "a" : [ 1.0 , {} ],\t"b  c": " d : , " } ') == '{"a":[1.0,{}],"b  c":" d : , "}'


@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4))
def test_until_it_is_cleaned_every_object_keeps_its_value(value: dict[str, Any]) -> None:
    written = json.dumps(value)
    kept = Order.model_validate_json(quote_free_json(Order, f'{{"note": {written}}}'.encode())).note.raw
    assert json.loads(kept) == value
    assert len(kept) <= len(written)


def test_markup_goes_from_strings_but_never_from_names() -> None:
    sent = (
        '{"<b>n</b>": ["<b>a</b>", {"x": "\\u003cb>\\"b\\"", "c": "\\u0008é\\r\\n"}, 1.50], "y": "<script>"}'
    )
    assert note_of(sent) == r'{"<b>n</b>":["a",{"x":"\"b\"","c":"é\n"},1.50],"y":""}'
    assert note_of(note_of(sent)) == note_of(sent)


def test_the_markup_of_an_object_is_taken_out_within_the_budget_of_its_request() -> None:
    with pytest.raises(ValidationError, match="more markup than one request may bring"):
        note_of(json.dumps({"a": ["<b>a</b>"] * 50}), steps=20)


@pytest.mark.parametrize("other", ["5", '"text"', '"{}"', "[1]", "null", "true"])
def test_what_is_no_object_is_refused_whatever_it_is(other: str) -> None:
    with pytest.raises(ValidationError) as refused:
        note_of(other)
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("dict_type", ("note",))]


def test_objects_are_found_wherever_the_model_has_them() -> None:
    order = read(
        '{"note": {}, "title": "{}", "items": [{"detail": {"n": 1e5}}, {}, {"detail": null}],'
        ' "first": {"detail": {"n": 1.0}}}'
    )
    found = [item.detail and item.detail.raw for item in (*order.items, order.first or Item())]
    assert found == [b'{"n":1e5}', None, None, b'{"n":1.0}']
    assert order.title == "{}"


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ('[{"detail": {"a": [[1]]}}]', "nested deeper than 2 levels"),
        ('[{"detail": {"a": "eleven letters"}}]', "larger than 20 bytes"),
        ('[{"detail": {"<i>": 1}}]', "names that hold markup"),
        ('[{"detail": {"a": {"\\u0001": 1}}}]', "names that hold markup"),
        ("[5]", "an object"),
        ('{"detail": {}}', "array"),
    ],
)
def test_what_does_not_fit_is_refused_within_lists_too(items: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read(f'{{"note": {{}}, "items": {items}}}')


def test_a_text_stands_in_a_response_as_it_is() -> None:
    text = JsonText(WRITTEN.encode())
    assert model_json(Answer(free_json=text)) == b'{"other":1,"freeJson":' + text.raw + b"}"
    assert model_json(Answer(free_json=None)) == b'{"freeJson":null,"other":1}'
    assert to_json_object({"a": text}) == b'{"a":' + text.raw + b"}"
    assert to_json_object({"a": text, "b": 1}) == b'{"b":1,"a":' + text.raw + b"}"


async def _sent(learner: Learner, method: str, path: str, body: str) -> bytes:
    """The body of a successful response."""
    headers = {"Content-Type": "application/json"}
    response = await learner.call(method, path, data=body.encode(), headers=headers)
    assert response.status in (200, 201), await response.text()
    return await response.read()


def _member(body: bytes, name: str) -> str:
    return bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])[name]).decode()


async def test_free_json_comes_back_as_it_went_in_wherever_it_is_delivered(learner: Learner) -> None:
    session = await learner.opens_session()
    path = f"/api/sessions/{session['id']}"
    changed = await _sent(learner, "PATCH", path, f'{{"feedbackJson": {WRITTEN}}}')
    retitled = await _sent(learner, "PATCH", path, '{"title": "Other"}')
    unchanged = await _sent(learner, "PATCH", path, "{}")
    read = await (await learner.call("GET", path)).read()
    assert [_member(body, "feedbackJson") for body in (changed, retitled, unchanged, read)] == [WRITTEN] * 4

    event = f'{{"eventType": "a", "metadata": {WRITTEN}, "eventId": "{session["id"]}"}}'
    for body in (event, event.replace("1.10", "1.1")):
        posted = await _sent(learner, "POST", "/api/analytics/events", body)
        assert _member(posted, "metadata") == WRITTEN

    exported = await (await learner.call("GET", "/api/users/me/export")).text()
    assert exported.count(WRITTEN) == 2


async def test_numbers_that_no_reader_could_hold_are_refused_in_free_json_too(learner: Learner) -> None:
    session = await learner.opens_session()
    for number, words in (("12345678901234567890", "64 bits"), ("1e400", "too large"), ("NaN", "no JSON")):
        problem = await learner.expects(
            400,
            "PATCH",
            f"/api/sessions/{session['id']}",
            data=f'{{"feedbackJson": {{"a": [{number}]}}}}',
            headers={"Content-Type": "application/json"},
        )
        assert words in problem["errors"][0]["message"]
