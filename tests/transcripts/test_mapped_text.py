"""Texts that were made from another one, and the way back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.transcripts.mapped_text import MappedText
from cara.web.sanitize import cleaning_edits, edited, without_markup

SENT = "Hello <b>there</b>, <i>you</i>"
TAG = re.compile("</?[bi]>")
MARKUP = st.lists(
    st.sampled_from(["<b>", "</p>", "&lt;", "<i x=", "b", ">", "\r\n", "\x15", " ", "é"]), max_size=12
)


def test_what_is_left_of_a_text_is_found_where_it_stood() -> None:
    kept = MappedText.whole(SENT).replace(TAG, "")
    assert kept.text == "Hello there, you"
    for word in ("Hello", "you"):
        at = kept.text.index(word)
        start, end = kept.span(at, at + len(word))
        assert SENT[start:end] == word


def test_several_cuts_at_the_end_leave_nothing_of_them_in_the_last_range() -> None:
    sent = "<b><i>Yes</i></b>"
    kept = MappedText.whole(sent).replace(TAG, "")
    assert (kept.text, kept.span(0, 3)) == ("Yes", (6, 9))


@given(MARKUP.map("".join))
def test_edits_give_the_text_that_cleaning_gives_and_offsets_that_never_fall(sent: str) -> None:
    text, mapped = sent, MappedText.part(f"__{sent}__", 2, 2 + len(sent))
    for edits in cleaning_edits(sent):
        text, mapped = edited(text, edits), mapped.edited(edits)
    assert text == mapped.text == without_markup(sent)
    assert len(mapped.offsets) == len(mapped.text) + 1
    assert list(mapped.offsets) == sorted(mapped.offsets)
    letters = [at for at, character in enumerate(mapped.text) if character in "bé>"]
    assert all(sent[mapped.offsets[at] - 2] == mapped.text[at] for at in letters)


def test_a_joined_text_leads_back_into_each_part() -> None:
    sent = "Ann: one\nBob: two"
    joined = MappedText.joined([MappedText.part(sent, 5, 8), MappedText.part(sent, 14, 17)], "\n")
    assert joined.text == "one\ntwo"
    assert [joined.span(0, 3), joined.span(4, 7), joined.span(0, 7)] == [(5, 8), (14, 17), (5, 17)]


@pytest.mark.parametrize("text", [MappedText("a\n", [0, 1, 1]), MappedText("ss", [0, 0, 1])])
def test_a_range_may_end_in_what_has_no_length_of_its_own(text: MappedText) -> None:
    assert text.span(1, 2)[1] == 1
