"""Grounding of quotes."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.feedback.assessment.grounding import Passage, SpokenText
from cara.transcripts.talk import read_talk
from tests.growth import grows_linearly

Form = Literal["NFC", "NFD"]
TALK = "You: We grew by “ten percent”, didn’t we?\nYou:  So I   recommend\nthat we hire. Straße İstanbul ﬁne."


def spoken(transcript: str) -> SpokenText:
    return SpokenText(read_talk(transcript))


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
    passage = spoken(TALK).find(quote)
    assert passage is not None
    assert passage.text.rstrip(".") == stands_as.rstrip(".")
    assert TALK[passage.start : passage.end] == passage.text


@pytest.mark.parametrize("quote", ["", "  ", "...", "“”", "We shrank", "We grew by twenty percent"])
def test_quotes_that_nobody_said_are_not_found(quote: str) -> None:
    assert spoken(TALK).find(quote) is None


_WORDS = st.lists(
    st.sampled_from(
        ["We", "we", "grew", "don’t", "don't", "café", "cafe\u0301", "ten-year", "“plan”", "3.5,", "Straße",
         "회의", "…", "(so)", "\u1112\u1161\u11ab", "\n"]
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


@given(_WORDS, st.data())
def test_every_sequence_of_words_is_found(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    text, quote = " ".join(words), " ".join(words[start:end])
    passage = spoken(text).find(quote)
    if re.search(r"\w", quote):
        assert passage is not None
        assert text[passage.start : passage.end] == passage.text
        assert folded(passage.text) == folded(quote)


def folded(text: str) -> str:
    return re.sub(r"[^\w]", "", unicodedata.normalize("NFC", text).casefold())


@pytest.mark.parametrize(
    ("quote", "start"),
    [
        ("um", 14),
        ("UM", 14),
        ("document", 4),
        ("I can", None),
        ("t stop", None),
        ("can't stop", 25),
        ("own", 43),  # not in `grown`
        ("ten", None),
        (", was", 18),
        ("cafe", None),
        ("café", 54),
    ],
)
def test_a_quote_matches_whole_words_only(quote: str, start: int | None) -> None:
    text = "The document, um, was. I can’t stop grown, own, often cafe\u0301."
    passage = spoken(text).find(quote)
    assert (passage and passage.start) == start


def test_a_quote_may_begin_with_an_apostrophe() -> None:
    text = "We don't. 'tis so, 'T was."
    assert spoken(text).find("'tis so") == Passage("'tis so", 10, 17)
    assert spoken("don't, 't x").find("'t x") == Passage("'t x", 7, 11)
    assert spoken("don't x").find("'t x") is None


def test_scripts_without_spaces_have_no_word_boundaries() -> None:
    text = "我们应该雇用两个人。ข้อความภาษาไทย"
    assert spoken(text).find("雇用两个") == Passage("雇用两个", 4, 8)
    assert spoken(text).find("ภาษา") is not None


def test_only_the_learners_own_turns_are_quoted() -> None:
    text = "Coach: We need a plan. Why now?\r\n[00:12] You: We need a plan.\nCoach: Go on.\nYou: We hire."
    said_by_both = spoken(text).find("we need a plan.")
    assert said_by_both is not None
    assert said_by_both.start == text.rindex("We need a plan.")
    for not_the_learners in ("Why now?", "Go on.", "Coach", "We need a plan. We hire."):
        assert spoken(text).find(not_the_learners) is None
    assert spoken(text).find("We hire.") == Passage("We hire.", len(text) - 8, len(text))


def test_a_transcript_of_others_alone_has_nothing_to_quote() -> None:
    assert spoken("Coach: We grew.").find("We grew.") is None


@pytest.mark.parametrize(("text_form", "quote_form"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
@pytest.mark.parametrize("quote", ["Le café est élégant", "élégant", "회의 시간", "नमस्ते क़लम"])
def test_a_quote_is_found_however_its_letters_are_composed(
    text_form: Form, quote_form: Form, quote: str
) -> None:
    said = unicodedata.normalize(text_form, quote)
    text = f"\ufeffCoach: E\u0301h?\nYou: Voila\u0300 ! {said}, 1.\nCoach: {said}"
    passage = spoken(text).find(unicodedata.normalize(quote_form, quote))
    assert passage == Passage(said, text.index(said), text.index(said) + len(said))


@pytest.mark.parametrize(
    ("unit", "quote"),
    [
        ("a", "a" * 400),
        ("aa ", "aa " * 79 + "ab"),
        ("You: a a a a a\nCoach: a a a a\n", "a a a a a a"),
        ("\u0301\u0323", "\u0301a"),
        ("a'", "a'" * 100 + "x"),
        ("'", "a"),
    ],
)
def test_no_transcript_takes_more_than_linear_time(unit: str, quote: str) -> None:
    text = (unit * 200_000)[:200_000]
    assert spoken(text).find(quote) is None
    assert grows_linearly(lambda part: spoken(part).find(quote), text)


@given(st.text(max_size=200), st.text(min_size=1, max_size=40))
def test_what_is_found_always_stands_in_the_text(text: str, quote: str) -> None:
    passage = spoken(text).find(quote)
    if passage is not None:
        assert folded(passage.text) in folded(text[passage.start : passage.end])


QUOTES = json.loads((Path(__file__).parent / "quotes.json").read_text())


@pytest.mark.parametrize("quote", QUOTES["quotes"])
def test_a_true_quote_is_found_as_models_write_it(quote: str) -> None:
    sent = QUOTES["transcript"]
    passage = spoken(sent).find(quote)
    assert passage is not None
    assert letters(sent[passage.start : passage.end]).replace("You", "") == letters(html.unescape(quote))


@pytest.mark.parametrize("quote", QUOTES["not_quotes"])
def test_what_was_not_said_is_no_quote(quote: str) -> None:
    assert spoken(QUOTES["transcript"]).find(quote) is None


def letters(text: str) -> str:
    return re.sub(r"\W|laughs", "", text)


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("We re-\nopened the ward.", "We reopened the ward."),
        ("It cost 1,000 euros (3.5 percent).", "It cost 1000 euros (3.5 percent)"),
        ("We did it [pause] in (laughs) one week.", "We did it in one week"),
        ("So **we** _did_ it.", "So we did it."),
        ("Ｗｅ　ｄｉｄ　ｉｔ.", "We did it."),
        ("We did\u00ad it\u200b all.", "we did it all"),
        ("Tom & Jerry <did> it", "Tom &amp; Jerry &lt;did&gt; it"),
        ("We grew by a third in one year and then we hired two people.", "We grew by a third … we hired"),
        ("Yes.", "“Yes.”"),
        ("我们应该 雇用两个人。", "我们应该雇用两个人"),
    ],
)
def test_only_the_words_of_a_quote_matter(said: str, quote: str) -> None:
    assert spoken(said).find(quote) is not None


@pytest.mark.parametrize("quote", ["… … …", "we hired … a third", "We grew by … people", "third in one yea"])
def test_what_an_ellipsis_joins_has_to_be_long(quote: str) -> None:
    assert spoken("We grew by a third in one year and then we hired two people.").find(quote) is None
