"""Finds HTML markup in text that nobody promised to be HTML, in linear time and within a budget."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from cara.errors import InvalidValue
from cara.expressions import compiled

_CURRENT: Final = """a abbr address area article aside audio b base bdi bdo blockquote body br button canvas
caption cite code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset
figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd keygen
label legend li link map mark menu meta meter nav noscript object ol optgroup option output p param picture
pre progress q rp rt ruby s samp script section select slot small source span strong style sub summary sup
table tbody td template textarea tfoot th thead time title tr track u ul var video wbr"""
_OBSOLETE: Final = """acronym applet basefont bgsound big blink center dir font frame frameset image isindex
keygen listing marquee math nobr noembed noframes plaintext spacer strike svg tt xmp"""
_DRAWING: Final = """animate animatemotion animatetransform circle clippath defs ellipse foreignobject g line
lineargradient mi mn mo mpath ms mtext path pattern polygon polyline radialgradient rect set stop symbol text
textpath tspan use"""
_ACTING: Final = """applet embed foreignobject frameset iframe img meta noscript object plaintext script style
svg xmp"""
_SWITCHES: Final = """allowfullscreen async autofocus autoplay checked controls default defer disabled
formnovalidate hidden inert ismap itemscope loop multiple muted nomodule novalidate open playsinline readonly
required reversed selected"""

ELEMENTS: Final = frozenset(_CURRENT.split()) | frozenset(_OBSOLETE.split())
# Names such as `text` and `line` are too common in prose for more than their closing tags.
_CLOSED_ELEMENTS: Final = ELEMENTS | frozenset(_DRAWING.split())
_ALWAYS_MARKUP: Final = frozenset(_ACTING.split())
_SWITCH_ATTRIBUTES: Final = frozenset(_SWITCHES.split())
_LOST_WITH_CONTENT: Final = frozenset({"script", "style"})

_START: Final = (
    r"<(?:/?[A-Za-z]|!--|!\[CDATA\[|!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)\b|\?(?:xml|php)\b)"
)
# Runs up to the next start or `>`: quotes are not looked at, so that no character is read twice.
_CANDIDATE: Final = compiled(
    rf"<(?P<closing>/?)(?P<name>[A-Za-z][^\s/<>]*+)(?P<rest>(?:[^<>]++|<(?!{_START[1:]}))*+)(?P<closed>>?)"
    rf"|(?P<comment><!--)|(?P<declaration>{_START})",
    re.IGNORECASE | re.ASCII,
)
# Runs on through quoted values, as a browser does.
_WHOLE_TAG: Final = compiled(
    rf"""</?[A-Za-z][^\s/<>]*+
    (?:[^<>=]++ | =\s*+(?:"[^"]*+"|'[^']*+') | = | <(?!{_START[1:]}) )*+ (?P<closed>>?)""",
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
_VALUE: Final = re.compile(r"""=\s*+(?:"[^"]*+"|'[^']*+'|[^\s<>]*+)""", re.ASCII)
_FIRST_ATTRIBUTE: Final = re.compile(
    r"""[\s/]++(?P<name>[A-Za-z_:@][^\s/=<>"']*+)\s*+(?P<value>=\s*+["']?)?""", re.A
)
_LINKING: Final = "action|formaction|href|http-equiv|poster|src|srcdoc|srcset"
# `src == null` compares: all that a browser would take for the value is `=`.
_ACTING_ATTRIBUTE: Final = re.compile(
    rf"""[\s/"':](?:on[a-z]{{3,}}\s*=|(?:{_LINKING}|style)\s*=(?!=\s))""",
    re.IGNORECASE | re.ASCII,
)
# Behind a name that is no element: a browser runs handlers there, the rest is as likely an assignment.
_ACTING_ANYWHERE: Final = re.compile(
    rf"""[\s/"'](?:on[a-z]{{3,}}+\s*+=|(?:{_LINKING}|style)=(?!=\s))""",
    re.IGNORECASE | re.ASCII,
)
_ACTING_BEHIND_CODE: Final = re.compile(
    r"""[\s/"'](?:on[a-z]{3,}+\s*+=|href=(?!=\s))""", re.IGNORECASE | re.ASCII
)
_NAME: Final = re.compile(r"[A-Za-z][\w.:-]*+", re.ASCII)
_QUOTES_PAIRED: Final = compiled(r"""(?:[^=]++|=\s*+(?:"[^"]*+"|'[^']*+')|=(?!\s*+["']))*+\Z""", re.ASCII)
_COMMENT: Final = re.compile(r"<!--(?:-?>|.*?--!?>)", re.DOTALL)
_DECLARATION: Final = re.compile(rf"{_START}[^<>]*+>", re.IGNORECASE | re.ASCII)
_CONTENT_END: Final = {
    name: re.compile(rf"</{name}(?![^\s/<>])[^<>]*+>?", re.IGNORECASE | re.ASCII)
    for name in _LOST_WITH_CONTENT
}

STEPS_OF_A_REQUEST: Final = 30_000
PASSED_CHARACTERS_A_STEP: Final = 1_024
SIGNS_A_STEP: Final = 16
_READ_CHARACTERS_A_STEP: Final = 32


class TooMuchMarkup(InvalidValue):
    """Taking the markup out of a text would cost more than one request may."""


@dataclass(eq=False)
class MarkupBudget:
    """How much work the markup of one request may cost, in steps.

    A step is about what it takes to look at one `<` or character reference that may be part of a tag: three
    or four microseconds where docs/benchmarks.md was measured. Counting, unlike a clock, gives the same
    answer on every machine.
    """

    left: int = STEPS_OF_A_REQUEST

    def spend(self, steps: int) -> None:
        """Takes the steps off what is left.

        Raises:
            TooMuchMarkup: nothing is left; then or earlier.
        """
        self.left -= steps
        if self.left < 0:
            raise TooMuchMarkup("markup", "must not hold more markup than one request may bring")


class Span(NamedTuple):
    """One span of markup, at [start, end); `opens` is the name of the element that it opens, if it does."""

    start: int
    end: int
    opens: str


class Tags:
    """The markup in one text."""

    def __init__(self, text: str, budget: MarkupBudget) -> None:
        self._text = text
        self._budget = budget
        self._unended: set[str] = set()
        """What was looked for up to the end of the text, and is not looked for again."""

    def spans(self) -> Iterator[Span]:
        """Yields the spans of markup, in order, never overlapping.

        Raises:
            TooMuchMarkup: the budget is spent.
        """
        signs = self._text.count("<")
        self._budget.spend(2 + len(self._text) // PASSED_CHARACTERS_A_STEP + signs // SIGNS_A_STEP)
        position, begun, begun_until = 0, "", -1
        while found := _CANDIDATE.search(self._text, position):
            self._budget.spend(1 + (found.end() - found.start()) // _READ_CHARACTERS_A_STEP)
            within = begun if found.start() == begun_until else ""
            end = self._end_of_markup(found, within)
            begun = within or (found["name"] or "").lower()
            begun_until = -1 if found["closed"] else found.end()
            if end is None:
                position = found.end()
            else:
                self._budget.spend(1)
                yield Span(found.start(), end, "" if found["closing"] else (found["name"] or "").lower())
                position = end

    def _end_of_markup(self, found: re.Match[str], within: str) -> int | None:
        """`within` is the name of the tag that a browser would still be reading here, if any."""
        if found["comment"]:
            return self._end_of_comment(found)
        if found["declaration"]:
            whole = _DECLARATION.match(self._text, found.start())
            return whole.end() if whole else found.end()
        if not _is_tag(found, within):
            return None
        end = self._end_of_tag(found)
        name = found["name"].lower()
        if name in _LOST_WITH_CONTENT and not found["closing"]:
            return self._end_of_content(name, end)
        return end

    def _end_of_comment(self, found: re.Match[str]) -> int:
        whole = self._unless_unended("comment", _COMMENT, found.start())
        return whole.end() if whole else found.end()

    def _end_of_tag(self, found: re.Match[str]) -> int:
        whole = _WHOLE_TAG.match(self._text, found.start())
        if whole is None or whole["closed"]:
            return whole.end() if whole else found.end()
        end = found.start("rest")
        for value in _VALUE.finditer(self._text, end, whole.end()):
            end = value.end()
        return end

    def _end_of_content(self, name: str, start: int) -> int:
        whole = self._unless_unended(name, _CONTENT_END[name], start, anywhere=True)
        return whole.end() if whole else start

    def _unless_unended(
        self, what: str, pattern: re.Pattern[str], start: int, *, anywhere: bool = False
    ) -> re.Match[str] | None:
        """Returns what the pattern finds.

        Looking for an end that is not there costs the rest of the text, so it is done once.
        """
        if what in self._unended:
            return None
        found = pattern.search(self._text, start) if anywhere else pattern.match(self._text, start)
        passed = (found.end() if found else len(self._text)) - start
        self._budget.spend(passed // PASSED_CHARACTERS_A_STEP)
        if found is None:
            self._unended.add(what)
        return found


def _is_tag(found: re.Match[str], within: str) -> bool:
    """Returns whether `<name rest>` is markup rather than a comparison, a type parameter or an address."""
    name, rest = found["name"].lower(), found["rest"]
    element = name in ELEMENTS
    if name in _ALWAYS_MARKUP or (found["closing"] and name in _CLOSED_ELEMENTS):
        return True
    if "=" in found[0]:
        return _has_attribute_of_a_tag(element, found) or _acts(element, found, within)
    if not found["closed"] or not element:
        return False
    first = _FIRST_ATTRIBUTE.match(rest)
    return not rest.strip("/ \t\n\r\f") or bool(first and first["name"].lower() in _SWITCH_ATTRIBUTES)


def _has_attribute_of_a_tag(element: bool, found: re.Match[str]) -> bool:
    first = _FIRST_ATTRIBUTE.match(found["rest"])
    if first and first["value"] and (element or first["value"][-1] in "\"'"):
        return True
    return element and first is not None and first["name"].lower() in _SWITCH_ATTRIBUTES


def _acts(element: bool, found: re.Match[str], within: str) -> bool:
    """Returns whether it could do something in a browser, now or with what follows behind an open quote."""
    acting = _ACTING_ATTRIBUTE
    if not element and within not in ELEMENTS:
        acting = _ACTING_ANYWHERE if _NAME.fullmatch(found["name"]) else _ACTING_BEHIND_CODE
    # Over the name too: to a browser, `</onclick=…` right after `<x` is an attribute of `x<`.
    if acting.search(found[0]):
        return True
    return not _QUOTES_PAIRED.match(found[0] if within else found["rest"])
