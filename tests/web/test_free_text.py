"""Members of models that are marked as free text, and the budget that they share."""

import json
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from cara.web.sanitize import FreeText
from cara.web.tags import MarkupBudget

Title = Annotated[str, FreeText(1, 10)]


class Turn(BaseModel):
    role: str
    content: Annotated[str, FreeText(max_length=50)]


class Practice(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    short_title: Title
    password: str = ""
    note: Title | None = None
    tags: list[Title] = []
    turns: Annotated[list[Turn], Field(max_length=3)] = []
    last_turn: Turn | None = None
    turns_by_name: dict[str, Turn] = {}
    replies: "list[Practice]" = []


class One(BaseModel):
    text: Annotated[str, FreeText(1)]


class Many(BaseModel):
    events: list[One]


class OneOrMany(RootModel[One | Many]):
    pass


def cleaned(model: type[BaseModel], payload: object, steps: int = 1_000) -> Any:
    """The payload as it is once its free texts are cleaned, as far as it was given."""
    read = model.model_validate_json(json.dumps(payload), context=MarkupBudget(steps))
    return read.model_dump(by_alias=True, exclude_unset=True)


def test_marked_members_are_cleaned_wherever_they_stand_and_others_are_left_alone() -> None:
    turn, clean_turn = {"role": "<b>", "content": "<b>hi</b>"}, {"role": "<b>", "content": "hi"}
    payload = {
        "shortTitle": "<i>R&D</i>",
        "password": "<b>x</b>",
        "note": None,
        "tags": ["<b>a</b>", "1"],
        "turns": [turn],
        "lastTurn": turn,
        "turnsByName": {"<b>": turn},
        "replies": [{"shortTitle": "<b>a</b>"}],
    }
    assert cleaned(Practice, payload) == {
        "shortTitle": "R&D",
        "password": "<b>x</b>",
        "note": None,
        "tags": ["a", "1"],
        "turns": [clean_turn],
        "lastTurn": clean_turn,
        "turnsByName": {"<b>": clean_turn},
        "replies": [{"shortTitle": "a"}],
    }


def test_each_branch_of_a_union_is_cleaned() -> None:
    assert cleaned(OneOrMany, {"text": "<b>a</b>"}) == {"text": "a"}
    assert cleaned(OneOrMany, {"events": [{"text": "<b>a</b>"}]}) == {"events": [{"text": "a"}]}


def test_without_a_budget_nothing_is_cleaned_but_all_that_is_too_much_is_refused() -> None:
    turn = {"role": "user", "content": "<b>hi</b>"}
    assert (
        Practice.model_validate({"shortTitle": "<b>a</b>", "turns": [turn]}).turns[0].content == "<b>hi</b>"
    )
    for too_much in ({"shortTitle": "<b>ten letter</b>"}, {"shortTitle": "a", "turns": [turn] * 4}):
        with pytest.raises(ValidationError, match="at most"):
            Practice.model_validate(too_much)


def test_a_text_must_be_short_as_it_was_sent_and_long_enough_without_markup() -> None:
    assert cleaned(Practice, {"shortTitle": "<b>one</b>"}) == {"shortTitle": "one"}
    with pytest.raises(ValidationError, match="at most 10 characters"):
        cleaned(Practice, {"shortTitle": "<b class=x>one</b>"})
    with pytest.raises(ValidationError, match="must not be blank"):
        cleaned(Practice, {"shortTitle": "<b></b>"})


def test_all_texts_of_a_payload_share_one_budget_and_the_one_that_exceeds_it_is_named() -> None:
    payload = {"events": [{"text": "<b>a</b>"}] * 50}
    assert len(cleaned(Many, payload)["events"]) == 50
    with pytest.raises(ValidationError, match="more markup than one request may bring") as refused:
        cleaned(Many, payload, steps=100)
    first, *_ = refused.value.errors()
    assert first["loc"][0] == "events"
    assert 0 < int(first["loc"][1]) < 50


def test_the_lengths_reach_the_schema() -> None:
    title = Practice.model_json_schema()["$defs"]["Practice"]["properties"]["shortTitle"]
    assert (title["minLength"], title["maxLength"]) == (1, 10)
