"""Stage marks in every bracket, and what only looks like one."""

from __future__ import annotations

import pytest

from cara.speech.text import remove_stage_marks
from cara.transcripts.stage_marks import blank_stage_marks, find_stage_marks, is_stage_mark
from tests.growth import grows_linearly

MARKS = (
    "[noise]", "[door closes]", "［笑］", "<laughs>", "</laughs>", "<unk>", "{laughs}", "(laughs)",
    "(laughing softly)", "(clears throat)", "(laughter and applause)", "(the audience laughs)",
    "(inaudible 00:12)", "((coughs))", "(lacht)", "(lachen)", "(rires)", "(risas)", "(se ríe)", "(risate)",
    "(risos)", "(śmiech)", "(gülüşmeler)", "(हँसी)", "(笑)", "（笑い）", "【拍手】", "（一同笑）", "(смех)",
    "(웃음)", "♪ la la ♪", "♪♪ la ♪♪", "*laughs*", "**sighs deeply**", "*pause*", "(2.5)", "(.)", "(…)",
    "(3 s)", "[long\npause]", "(Laughs\nsoftly.)", "(long pause)", "(pausa)", "（沈黙）",
)  # fmt: skip
WORDS = (
    "(breakfast only)", "(noise levels are high)", "(break the rules)", "(smile at people)",
    "(my boss and I)", "(the audience)", "(softly)", "((a + b))", "*we*", "**bold**", "<b@x.com>", "{x}",
    "3 < 5 and 7 > 2",
    "2*3*4", "(4)", "(2020)", "you must *pause* here", "a*laughs*b", "【重要】", "（東京）", "",
    "[um]", "[Uh...]", "[you know,]", "[like]",
)  # fmt: skip


@pytest.mark.parametrize("text", MARKS)
def test_a_mark_is_nothing_that_is_said(text: str):
    assert is_stage_mark(f" {text}.")
    assert blank_stage_marks(f"So. {text} We.") == f"So. {' ' * len(text)} We."
    left, counts = remove_stage_marks(text)
    assert (left.strip(), sum(counts.values())) == ("", 1)


@pytest.mark.parametrize("text", WORDS)
def test_other_brackets_hold_words(text: str):
    assert not is_stage_mark(text)
    assert blank_stage_marks(text) == text
    assert remove_stage_marks(text) == (text, {})


def test_marks_inside_an_aside_are_found():
    assert blank_stage_marks("(well [laughs] (sighs) we)") == f"(well {' ' * 8} {' ' * 7} we)"


def test_in_a_sentence_only_what_nobody_emphasizes_is_a_mark_between_asterisks():
    assert [mark.name for mark in find_stage_marks("She said *laughs* no. *Pause* Then I *laugh*.")] == [
        "laughs",
        "pause",
    ]


def test_silences_are_told_from_sounds():
    text = "(2.5) (pausa) [silence] (沈黙) [heavy breathing] (laughs) [heartbeat] (breakfast)"
    assert [mark.is_silence for mark in find_stage_marks(text)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize("unit", ["(", "((", "(laughs", "*", "* ", "*a", "<a", "{a", "♪", "[", "【"])
def test_marks_are_found_in_linear_time(unit: str):
    assert grows_linearly(blank_stage_marks, unit * (64_000 // len(unit)))
