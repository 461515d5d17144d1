from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from cara.web.free_text import FreeText, clean_members

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
    turns: list[Turn] = []
    last_turn: Turn | None = None
    turns_by_name: dict[str, Turn] = {}
    metadata: Annotated[dict[str, Any], FreeText()] = Field(default_factory=dict)
    replies: "list[Practice]" = []


class One(BaseModel):
    text: Annotated[str, FreeText(1)]


class Many(BaseModel):
    events: list[One]


class OneOrMany(RootModel[One | Many]):
    pass


def test_marked_members_are_cleaned_wherever_they_stand_and_others_are_left_alone() -> None:
    turn, clean_turn = {"role": "<b>", "content": "<b>hi</b>"}, {"role": "<b>", "content": "hi"}
    payload = {
        "shortTitle": "<i>R&D</i>",
        "password": "<b>x</b>",
        "note": None,
        "tags": ["<b>a</b>", 1],
        "turns": [turn],
        "lastTurn": turn,
        "turnsByName": {"<b>": turn},
        "replies": [{"shortTitle": "<b>a</b>"}],
    }
    assert clean_members(Practice, payload) == {
        "shortTitle": "R&D",
        "password": "<b>x</b>",
        "note": None,
        "tags": ["a", 1],
        "turns": [clean_turn],
        "lastTurn": clean_turn,
        "turnsByName": {"<b>": clean_turn},
        "replies": [{"shortTitle": "a"}],
    }


def test_marked_metadata_is_cleaned_to_its_depth_but_its_keys_never() -> None:
    payload = {"metadata": {"<b>": ["<b>a</b>", {"x": "<b>b</b>", "n": 1.5, "t": True, "z": None}]}}
    assert clean_members(Practice, payload) == {
        "metadata": {"<b>": ["a", {"x": "b", "n": 1.5, "t": True, "z": None}]}
    }


def test_each_branch_of_a_union_is_cleaned() -> None:
    assert clean_members(OneOrMany, {"text": "<b>a</b>"}) == {"text": "a"}
    assert clean_members(OneOrMany, {"events": [{"text": "<b>a</b>"}]}) == {"events": [{"text": "a"}]}


@pytest.mark.parametrize(
    "payload", [None, [], "<b>", {"shortTitle": 3, "turns": {"a": 1}, "metadata": 7, "lastTurn": []}]
)
def test_what_does_not_fit_the_model_is_left_to_its_validation(payload: object) -> None:
    assert clean_members(Practice, payload) == payload


def test_length_is_judged_after_cleaning() -> None:
    long_markup = clean_members(Practice, {"shortTitle": "<b class=x>ten letter</b>"})
    assert Practice.model_validate(long_markup).short_title == "ten letter"
    with pytest.raises(ValidationError, match="at least 1 character"):
        Practice.model_validate(clean_members(Practice, {"shortTitle": "<b></b>"}))


def test_the_lengths_reach_the_schema() -> None:
    title = Practice.model_json_schema()["$defs"]["Practice"]["properties"]["shortTitle"]
    assert (title["minLength"], title["maxLength"]) == (1, 10)
