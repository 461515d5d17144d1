"""Lines of a list are sentences, and their bullets and numbers no words."""

from __future__ import annotations

import pytest

from cara.speech import measure
from cara.speech.list_items import mark_items
from tests.growth import grows_linearly


def _counted(text: str) -> tuple[int, int]:
    measures = measure(text, duration_seconds=None, feature_type="conversation")
    return measures.words, measures.sentences


@pytest.mark.parametrize(
    ("text", "words", "sentences"),
    [
        ("- Lower the price\n- Call the bank\n- Sleep", 7, 3),
        ("* Lower\n\n* Call", 2, 2),
        ("• Lower the\n  price\n• Call", 4, 2),
        ("- [ ] Lower\n- [x] Call", 2, 2),
        ("1. Lower the price\n2. Call the bank", 6, 2),
        ("9) Lower\n10) Call\n11) Sleep", 3, 3),
        ("(1) Lower\n(2) Call", 2, 2),
        ("a) Lower\nb) Call", 2, 2),
        ("i) Lower\nii) Call\niii) Sleep", 3, 3),
        ("1、買い物\n2、掃除", 2, 2),
        ("1. Lower\n- at once\n- by half\n2. Call", 6, 4),
        ("We need:\n- money\n\nThen we go.", 6, 3),
        ("- Lower\n- Call\nThat is it.", 5, 3),
        ("- Lower the\nprice\n- Call", 4, 2),
        ("You: 1. Lower\n2. Call\nCoach: Good.\nYou: Fine.", 3, 3),
    ],
)
def test_items_are_sentences(text: str, words: int, sentences: int):
    assert _counted(text) == (words, sentences)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("We tried this plan\n- and it worked.", 7),
        ("It rained in\n2020. And so\nwe left.", 8),
        ("We have 4 or\n5. And so it\nwas 7.", 10),
        ("We said\n- well -\n\n\n\n\n\nthat it\n- is.", 6),
        ("You: How many?\nYou: 5. That is all.", 6),
        ("-5 degrees\n- we froze", 4),
    ],
)
def test_text_that_wraps_before_a_dash_or_a_number_is_no_list(text: str, words: int):
    assert "\x1d" not in mark_items(text)
    assert _counted(text)[0] == words


@pytest.mark.parametrize("unit", ["- a\n", "1. a\n", "i) ", "• \n\n", " \n- "])
def test_lists_take_linear_time(unit: str):
    assert grows_linearly(mark_items, unit * (64_000 // len(unit)))
