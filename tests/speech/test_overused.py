"""Words that come back too often: what counts as one, in which languages, and together with which forms."""

from __future__ import annotations

import pytest

from cara.speech import measure
from cara.speech.overused import MAX_OVERUSED_WORDS, overused_words
from cara.speech.words import tokenize
from tests.growth import grows_linearly

_REST = "It is for all of you, and there is more to it than that. " * 4
"""56 words, none of content."""


def _overused(text: str) -> dict[str, int] | None:
    words = measure(text, duration_seconds=None, feature_type="conversation").overused_words
    return None if words is None else {found.word: found.count for found in words}


def test_overused_words_come_with_count_and_rate_the_most_frequent_first() -> None:
    text = (
        _REST
        + "A great plan is great. " * 2
        + "The plan is ready. It is our plan, um, like, and a plan for it."
    )
    found = measure(text, duration_seconds=None, feature_type="conversation").overused_words
    assert found is not None
    assert [(one.word, one.count, one.per_hundred_words) for one in found] == [
        ("plan", 5, 6.33),
        ("great", 4, 5.06),
    ]


@pytest.mark.parametrize(
    ("text", "overused"),
    [
        (_REST + "A bank. A bank. A bank.", {}),  # three times
        (_REST + "A bank. A bank. A bank. A bank.", {"bank": 4}),
        (_REST * 4 + "A bank. A bank. A bank. A bank.", {}),  # in over 200 words
        ("A bank. A bank. A bank. A bank.", None),  # too short a talk
        (_REST + "I could go. You could go. They could go. We could go. " * 2, {}),
        (_REST + "Um, so, like, you know. " * 5, {}),
        (_REST + "In 1999 it was 100. " * 5, {}),
        (_REST + "I met Ann and Ann's boss. Ann met us. Did Ann go? I like Ann. " * 2, {"met": 4}),
        ((_REST + "THE BANK IS A BANK. " * 3).upper(), {"bank": 6}),
    ],
)
def test_only_content_words_that_are_said_often_count(text: str, overused: dict[str, int] | None) -> None:
    found = _overused(text)
    assert (found if overused else found or overused) == overused


@pytest.mark.parametrize(
    ("forms", "overused"),
    [
        ("plan plans planned planning", {"plan": 4}),
        ("city cities city's city", {"city": 4}),
        ("hope hoped hoping hopes", {"hope": 4}),
        ("class classes class class", {"class": 4}),
        ("caring car caring car car", {}),
        ("news new news new news", {}),
        ("planes plan planes plan plan", {}),
        ("plans planned planning plans", {}),  # without the stem nobody knows that they belong together
    ],
)
def test_forms_count_with_their_stem(forms: str, overused: dict[str, int]) -> None:
    assert _overused(_REST + " ".join(f"The {form}." for form in forms.split())) == overused


@pytest.mark.parametrize(
    ("text", "overused"),
    [
        (
            "Hoy quiero hablar del proyecto, porque es muy importante. " * 7,
            {"proyecto", "hablar", "importante"},
        ),
        ("Je pense que l'équipe et notre équipe ont fait beaucoup aujourd'hui. " * 6, {"équipe", "pense"}),
        ("Das Projekt ist fertig, und wir sind jetzt alle hier bei euch. " * 6, {"projekt", "fertig"}),
        (
            "Bugün bu proje için buradayız ve proje bizim için çok önemli. " * 6,
            {"proje", "buradayız", "önemli"},
        ),
    ],
)
def test_languages_have_their_own_function_words(text: str, overused: set[str]) -> None:
    assert set(_overused(text) or {}) >= overused
    assert not set(_overused(text) or {}) & {"porque", "muy", "notre", "que", "und", "hier", "için", "çok"}


@pytest.mark.parametrize("text", ["我们今天讨论这个计划。" * 20, "오늘은 이 계획에 대해 이야기합니다. " * 20])
def test_where_function_words_are_not_known_a_note_says_so(text: str) -> None:
    measures = measure(text, duration_seconds=None, feature_type="conversation")
    assert measures.overused_words is None
    assert "overusedWords" in measures.not_applicable
    assert any(note.startswith("Overused words") for note in measures.notes)


def test_at_most_ten_words_are_listed_and_none_that_is_endless() -> None:
    words = [f"{letter}ord" for letter in "bcdfghjklmnp"]
    found = _overused(_REST + " ".join(f"The {word}. " * 4 for word in [*words, "x" * 40]))
    assert found is not None
    assert list(found) == words[:MAX_OVERUSED_WORDS]


@pytest.mark.parametrize("part", ["really ", "plans planning plan ", "Ann's "])
def test_overused_words_are_found_in_linear_time(part: str) -> None:
    assert grows_linearly(lambda text: overused_words(tokenize(text), "en"), part * (60_000 // len(part)))
