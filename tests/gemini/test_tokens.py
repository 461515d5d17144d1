"""Estimates of tokens: near to recorded counts, additive, growing with the text, covered by their margin."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.gemini.calls import GeminiCall
from cara.gemini.tokens import TURN_TOKENS, estimate_prompt, estimate_tokens, thinking_room, with_margin

# Counted with the real vocabulary by bench/token_estimates.py.
RECORDED = json.loads(Path(__file__).with_name("token_counts.json").read_text("utf-8"))
MOST_PERCENT_OFF = {"english": 6, "other": 20}

TEXTS = st.text(st.characters() | st.sampled_from("aZ09 .,\n\t"), max_size=60)
TURNS = [
    {"role": "user", "parts": [{"text": "Good morning."}, {"text": "How do I begin?"}]},
    {"role": "model", "parts": [{"text": "With your point."}]},
    {"role": "user", "parts": [{"text": "We grew by 12 percent."}]},
]


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["name"])
def test_an_estimate_is_near_to_the_count_of_the_vocabulary(row: dict[str, Any]) -> None:
    estimate = estimate_tokens(row["text"])
    assert 100 * abs(estimate - row["tokens"]) <= MOST_PERCENT_OFF[row["kind"]] * row["tokens"]


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["name"])
def test_the_margin_covers_the_count_and_is_not_wasteful(row: dict[str, Any]) -> None:
    reserved = with_margin(estimate_tokens(row["text"]))
    assert row["tokens"] <= reserved <= 1.5 * row["tokens"] + 16


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello! How can I help you today?", 9),
        ("我是 Gemini,由 Google 开发的大型语言模型。", 11),
        ("Hello, world!", 4),
    ],
)
def test_an_estimate_is_near_to_what_gemini_has_told_of_short_texts(text: str, tokens: int) -> None:
    assert abs(estimate_tokens(text) - tokens) <= 1


@pytest.mark.parametrize(
    ("plain", "costlier"),
    [
        ("we met in the year twenty", "we met in the year 2000 20"),
        ("the whole of the story", "THE WHOLE OF THE STORY"),
        ("one, two, three", '["one"], ["two"], ["three"]'),
        ("she laughed. then we left", "she laughed.\n\n\tthen\n\n\twe left"),
        ("the house by the river", "das Haus für Zöglinge"),
        ("thank you all", "谢谢你们大家"),
    ],
)
def test_what_the_vocabulary_does_not_join_costs_more(plain: str, costlier: str) -> None:
    assert estimate_tokens(costlier) > estimate_tokens(plain)


def test_no_text_is_no_token_and_any_character_is_one() -> None:
    assert estimate_tokens() == estimate_tokens("", "") == 0
    for character in "a0. \n\x00é字😀\ud800":
        assert 1 <= estimate_tokens(character) <= 3


def test_endless_blanks_and_letters_are_not_nearly_free() -> None:
    assert estimate_tokens(" " * 3_100) >= 80
    assert estimate_tokens("\n" * 3_100) >= 80
    assert estimate_tokens("a" * 8_000) >= 1_000


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=5))
def test_texts_together_cost_what_they_cost_apart(texts: list[str]) -> None:
    apart = sum(estimate_tokens(text) for text in texts)
    assert apart - len(texts) <= estimate_tokens(*texts) <= apart


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_text_costs_no_less_than_its_beginning(beginning: str, rest: str) -> None:
    assert estimate_tokens(beginning) <= estimate_tokens(beginning + rest)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_where_a_text_is_cut_hardly_matters(beginning: str, rest: str) -> None:
    assert abs(estimate_tokens(beginning + rest) - estimate_tokens(beginning, rest)) <= 4


def test_a_prompt_costs_its_instruction_its_turns_their_frames_and_its_schema() -> None:
    bare = GeminiCall("", TURNS, 100)
    texts = [part["text"] for turn in TURNS for part in turn["parts"]]
    assert estimate_prompt(bare) == estimate_tokens(*texts) + 3 * TURN_TOKENS

    instructed = replace(bare, system_instruction="You are a coach.")
    assert estimate_prompt(instructed) == estimate_tokens("You are a coach.", *texts) + 4 * TURN_TOKENS

    with_schema = replace(instructed, response_schema={"type": "object"})
    schema = estimate_tokens('{"type":"object"}')
    assert schema - 1 <= estimate_prompt(with_schema) - estimate_prompt(instructed) <= schema


def test_an_empty_call_costs_nothing_but_has_a_margin() -> None:
    assert estimate_prompt(GeminiCall("", [], 100)) == 0
    assert 0 < with_margin(0) < 20


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_a_margin_is_about_a_fifth_and_grows(tokens: int) -> None:
    assert 1.2 * tokens <= with_margin(tokens) < 1.2 * tokens + 20
    assert with_margin(tokens) <= with_margin(tokens + 1)


def test_more_thinking_gets_more_room() -> None:
    rooms = [thinking_room(level) for level in ("minimal", "low", "medium", "high")]
    assert rooms == [512, 2_048, 8_192, 24_576]
    assert rooms[2] < thinking_room(None) < rooms[3]


def test_a_level_that_is_not_known_gets_the_room_of_the_default() -> None:
    assert thinking_room("xhigh") == thinking_room(None)
