"""Removal of HTML markup from free text: what goes, what stays, and what it may cost."""

from __future__ import annotations

import html
import re
import sys

import pytest
from bleach._vendor.html5lib import parseFragment
from bleach.html5lib_shim import HTML_TAGS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cara.web.sanitize import without_markup
from cara.web.tags import MarkupBudget, TooMuchMarkup
from tests.growth import grows_linearly

NO_MARKUP = [
    "Tom & Jerry",
    "a < b",
    "a < b && c",
    "if a<b and c>d",
    'if a<limit and name=="x" and c>d',
    "5 > 3",
    "<3",
    "I </3 Mondays",
    "R&D, AT&T",
    "&amp; &lt; &copy; &nope; &#x41;",
    "a &lt; b &amp;&amp; c",
    "on=call",
    "x <y",
    "let x<y; src = 4; z>1",
    "if (a<b && src == null) return x;",
    "if (i<s && style == 'bold') go(); y = 'z'; rest",
    "if (p<q && action == 2) { run(); } and later total = 5 items",
    "let x<y; src=4; z>1",
    "for (i=0; i<n; i++) style=bold, a>b",
    "x<y style = z",
    "don't a<b='c",
    "x <y z=3 and i<n and data=5",
    "List<int>, Map<String, List<int>>",
    "<a@b.c> and <tom@example.com>",
    "<you> and <your name>",
    "-> <- <-- a<=b>=c <>",
    "👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ✊🏽",
    "שלום <עולם> \u2067אבג\u2069 \u200fمرحبا",
    "two\nlines\tand a tab",
    "%3Cscript%3E ＜script＞",
    "",
]

MARKUP = {
    "<b>bold</b> and <i>italic</i>": "bold and italic",
    "<p>One</p><p>Two</p>": "One\nTwo",
    "<script>alert(1)</script>after": "after",
    "<ScRiPt x='</b>'>alert(1)</sCrIpT\n>after": "after",
    "<style>p {}</style >after": "after",
    "<script>never closed": "never closed",
    "<img src=x onerror=alert(1)>": "",
    "<img src=x onerror=alert(1)": "",
    "before <img src=x onerror=alert(1) after": "before  after",
    '<img alt="I said <b>hi</b> to him': " said hi to him",
    "a<!-- hidden -->b<!--->c<!-->d<!--e": "abcde",
    "<!DOCTYPE html><?xml version='1'?><![CDATA[x]]>text": "text",
    "<svg/onload=alert(1)>": "",
    "<x onclick=alert(1)>text": "text",
    "<a href=javascript:alert(1)>text</a>": "text",
    "<a\nhref\n=\njavascript:alert(1)>text": "text",
    "&amp;lt;x onclick=alert(1)&amp;gt;text": "text",
    "<x ONCLICK\t=alert(1)>text": "text",
    "<<b>img src=x onerror=alert(1)>text": "text",
    '<x a=">" onclick=alert(1)>text': "text",
    '<b and a=">" onclick=alert(1)>text': "text",
    "<b and a<3 onclick=alert(1)>text": "text",
    "<x</onclick=alert(1)>text": "<xtext",
    "<x; onclick = alert(1)>text": "text",
    "<x style=color:red>text": "text",
    "<x a=b c='d'onclick=alert(1)>text": "text",
    "<form x<y; action = z>text": "<form xtext",
    "<x/<b='>' onclick=alert(1)>text": "text",
    "<b <!-- onclick=x>text": "text",
    '<foo bar="baz">text': "text",
    "<input disabled>": "",
    "<input disabled value=3>": "",
    "<object x data=y>text": "text",
    "&lt;script&gt;alert(1)&lt;/script&gt;after": "after",
    "&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;after": "after",
    "&amp;amp;lt;img src=x&amp;amp;gt; stays": " stays",
    "&#60;script&#62;x&#60;/script&#62;": "",
    "&#x3c;img src=x&#x0003E;R&amp;D": "R&amp;D",
    "&lt;&#115;cript&gt;": "",
    "&ltimg src=&quot;x&quot; onerror=&quot;y&quot;&gttext": "text",
    "<x &gt; onclick=alert(1)>text": "text",
    "&lt;b a='1'&nvgt;text": "text",
    "<scr<script>ipt>alert(1)</script>": "<scr",
    "&l<b></b>t;img src=x>text": "text",
    "<i\nclass=a\n>text</i\n>": "text",
}

HOSTILE = [
    "<",
    "&",
    "<a ",
    "<a b=",
    '<a b="',
    "<a b='",
    "&lt;",
    "&#60;",
    "&amp;lt;a b=",
    "<!--",
    "<!-- -->",
    "<script>",
    "<script></style>",
    "</",
    "<b>",
    "<scr<script>ipt>",
    '<x a="" b="',
    '<x y="',
    "<a'",
    "<x y z=\"'",
    "<?xml ",
    "&#0",
]

ACTING_ELEMENTS = {"script", "style", "svg", "math", "img", "iframe", "object", "embed"}
LOADING = {"src", "srcset", "srcdoc", "action", "formaction", "poster", "style"}

TAG_PARTS = """< <b <a <x <y; <x<y <form <p <textarea <title </title <script </script </b > / = " '
onclick=alert(1) onload= href=x href= src=x src= style svg <svg <img img s cript text 3"""
OTHER_PARTS = (
    "& ; &lt; &amp; &gt; &#60; &#38; &quot; lt; amp; <!-- --> --!> <!doctype <?xml <![CDATA[ ]]> \x00 \r ſ"
)
PARTS = [*TAG_PARTS.split(), *OTHER_PARTS.split(" "), " ", "\n"]


@pytest.mark.parametrize("text", NO_MARKUP)
def test_text_without_markup_comes_back_as_it_was(text: str) -> None:
    assert without_markup(text) == text


@pytest.mark.parametrize(("text", "left"), MARKUP.items())
def test_markup_is_removed_and_the_rest_stays(text: str, left: str) -> None:
    assert without_markup(text) == left


def test_control_characters_and_overrides_go_and_line_ends_become_line_feeds() -> None:
    assert without_markup("a\x00\x08b\x7f\x85\r\nc\rd\t\u202e\ufdd0\ud800e") == "ab\nc\nd\te"


def test_a_tag_split_by_a_control_character_is_still_taken_out() -> None:
    assert without_markup("<scr\x00ipt>alert(1)</script>") == ""


@given(st.lists(st.sampled_from(PARTS), max_size=16).map("".join))
@example("let x<y; src = 4; z>1")
@example("<b x onclick==alert(1)>x")
@example("<b x style==;background:url(//example.com)>x")
@example("<i x src == y>x")
@example("<b==onclick/onclick=alert(1)>")
@example("<scr<scr<scr<scr<scr<script>ipt>ipt>ipt>ipt>ipt>")
@example("&#38;#38;#38;#38;#38;#38;#60;script>")
@settings(max_examples=400, deadline=None, derandomize=True)
def test_no_active_tag_is_left_however_often_the_text_is_decoded(text: str) -> None:
    left = without_markup(text)
    assert without_markup(left) == left
    for _ in range(3):
        assert not acting_elements(left), left
        left = html.unescape(left)


@given(st.text(st.sampled_from("<>&;=\"'/!-lt#60xab \n") | st.characters(), max_size=40))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_cleaning_twice_changes_nothing_more_and_never_adds(text: str) -> None:
    left = without_markup(text)
    assert without_markup(left) == left
    assert len(left) <= len(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="<\u202d\u202e")))
def test_text_without_angle_brackets_in_any_encoding_is_never_changed(text: str) -> None:
    if "<" not in html.unescape(html.unescape(text)):
        assert without_markup(text) == text


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_costs_no_more_than_in_proportion_to_its_length(unit: str) -> None:
    text = (unit * (200_000 // len(unit) + 1))[:200_000]
    assert steps_to_clean(text) <= 4 * steps_to_clean(text[:50_000]) + 100
    # What the steps do not count happens within regular expressions.
    assert grows_linearly(without_markup, text)


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_budget_bounds_the_work_whatever_the_text(unit: str) -> None:
    budget = MarkupBudget()
    text = unit * (1_000_000 // len(unit))
    try:
        assert len(without_markup(text, budget)) <= len(text)
    except TooMuchMarkup:
        assert budget.left < 0
    # The last thing to be paid for may cost more than was left: at most to pass over the whole text once.
    assert budget.left > -len(text) / 16


def test_a_page_of_five_thousand_tags_fits_into_the_budget_of_a_request() -> None:
    page = "<p class='x'>One <b>word</b> &amp; another.</p>\n" * 1_250
    assert (
        without_markup(page, MarkupBudget())
        == ("One word &amp; another.\n" + "\n") * 1_249 + "One word &amp; another.\n"
    )


def steps_to_clean(text: str) -> int:
    budget = MarkupBudget(sys.maxsize)
    without_markup(text, budget)
    return sys.maxsize - budget.left


def acting_elements(text: str) -> list[str]:
    """What would run, load or lead somewhere if a browser took the text, or its beginning, for HTML."""
    found = []
    for ending in ("", ">", "'>", '">'):
        for element in parseFragment(text + ending, namespaceHTMLElements=False).iter():
            name = str(element.tag).lower()
            attributes = {str(key).lower() for key, value in element.attrib.items() if value not in ("", "=")}
            if name in ACTING_ELEMENTS or any(_acts(name, attribute) for attribute in attributes):
                found.append(f"{name} {attributes}")
    return found


def _acts(element: str, attribute: str) -> bool:
    """A handler runs on any element, a link leads on in any of SVG; what loads needs an element of HTML."""
    handler = re.fullmatch("on[a-z]{3,}", attribute)
    return bool(handler) or attribute == "href" or (attribute in LOADING and element in HTML_TAGS)
