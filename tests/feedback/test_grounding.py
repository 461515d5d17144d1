"""Grounding of quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.feedback.grounding import Transcript

TALK = "You: We grew by “ten percent”, didn’t we?\nYou:  So I   recommend\nthat we hire. Straße İstanbul ﬁne."


@pytest.mark.parametrize(
    ("quote", "stands_as"),
    [
        ("We grew by", "We grew by"),
        ("  We grew by  ", "We grew by"),
        ("we GREW by", "We grew by"),
        ('by "ten percent", didn\'t we?', "by “ten percent”, didn’t we?"),
        ("So I recommend that we hire.", "So I   recommend\nthat we hire."),
        ("“So I recommend that we hire…”", "So I   recommend\nthat we hire"),
        ("strasse", "Straße"),
        ("i̇stanbul", "İstanbul"),
    ],
)
def test_a_quote_is_found_with_its_marks_case_and_white_space_folded(quote: str, stands_as: str) -> None:
    passage = Transcript(TALK).find(quote)
    assert passage is not None
    assert passage.text.rstrip(".") == stands_as.rstrip(".")
    assert TALK[passage.start : passage.end] == passage.text


@pytest.mark.parametrize("quote", ["", "  ", "...", "“”", "We shrank", "We grew by twenty percent"])
def test_what_does_not_stand_there_is_not_found(quote: str) -> None:
    assert Transcript(TALK).find(quote) is None


@given(st.text(max_size=300), st.data())
def test_every_span_of_a_text_is_found_where_it_stands(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    passage = Transcript(text).find(text[start:end])
    if text[start:end].strip():
        assert passage is not None
        assert text[passage.start : passage.end] == passage.text == text[start:end].strip()


@given(st.text(max_size=200), st.text(min_size=1, max_size=40))
def test_what_is_found_always_stands_in_the_text(text: str, quote: str) -> None:
    passage = Transcript(text).find(quote)
    if passage is not None:
        assert text[passage.start : passage.end] == passage.text
