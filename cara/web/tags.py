"""Finds HTML markup in text that nobody promised to be HTML, in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bleach.html5lib_shim import HTML_TAGS

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

_ELEMENTS: Final = HTML_TAGS | frozenset(_OBSOLETE.split())
# Names such as `text` and `line` are too common in prose for more than their closing tags.
_CLOSED_ELEMENTS: Final = _ELEMENTS | frozenset(_DRAWING.split())
_ALWAYS_MARKUP: Final = frozenset(_ACTING.split())
_SWITCH_ATTRIBUTES: Final = frozenset(_SWITCHES.split())
_LOST_WITH_CONTENT: Final = frozenset({"script", "style"})

_START: Final = (
    r"<(?:/?[A-Za-z]|!--|!\[CDATA\[|!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)\b|\?(?:xml|php)\b)"
)
# Runs up to the next start or `>`: quotes are not looked at, so that no character is read twice.
_CANDIDATE: Final = re.compile(
    rf"<(?P<closing>/?)(?P<name>[A-Za-z][^\s/<>]*+)(?P<rest>(?:[^<>]++|<(?!{_START[1:]}))*+)(?P<closed>>?)"
    rf"|(?P<comment><!--)|(?P<declaration>{_START})",
    re.IGNORECASE | re.ASCII,
)
# Runs on through quoted values, as a browser does.
_WHOLE_TAG: Final = re.compile(
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
_QUOTES_PAIRED: Final = re.compile(r"""(?:[^=]++|=\s*+(?:"[^"]*+"|'[^']*+')|=(?!\s*+["']))*+\Z""", re.ASCII)
_COMMENT: Final = re.compile(r"<!--(?:-?>|.*?--!?>)", re.DOTALL)
_COMMENT_END: Final = re.compile(r"--!?>")
_DECLARATION: Final = re.compile(rf"{_START}[^<>]*+>", re.IGNORECASE | re.ASCII)
_CONTENT_END: Final = re.compile(r"</(script|style)(?![^\s/<>])[^<>]*+>?", re.IGNORECASE | re.ASCII)


class Tags:
    """The markup in one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._last_comment_end = max((m.start() for m in _COMMENT_END.finditer(text)), default=-1)
        self._content_ends = {m[1].lower(): m.start() for m in _CONTENT_END.finditer(text)}

    def spans(self) -> Iterator[tuple[int, int]]:
        """Start and end of each piece of markup, in order, never overlapping."""
        position, begun, begun_until = 0, "", -1
        while found := _CANDIDATE.search(self._text, position):
            within = begun if found.start() == begun_until else ""
            end = self._end_of_markup(found, within)
            begun = within or (found["name"] or "").lower()
            begun_until = -1 if found["closed"] else found.end()
            if end is None:
                position = found.end()
            else:
                yield found.start(), end
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
        # Looking for an end that is not there would cost the rest of the text at every comment's start.
        if found.start() > self._last_comment_end:
            return found.end()
        whole = _COMMENT.match(self._text, found.start())
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
        if self._content_ends.get(name, -1) < start:
            return start
        for end in _CONTENT_END.finditer(self._text, start):
            if end[1].lower() == name:
                return end.end()
        return start


def _is_tag(found: re.Match[str], within: str) -> bool:
    """Whether `<name rest>` is markup rather than a comparison, a type parameter or an address."""
    name, rest = found["name"].lower(), found["rest"]
    element = name in _ELEMENTS
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
    """Whether it could do something in a browser, now or with what follows behind an open quote."""
    acting = _ACTING_ATTRIBUTE
    if not element and within not in _ELEMENTS:
        acting = _ACTING_ANYWHERE if _NAME.fullmatch(found["name"]) else _ACTING_BEHIND_CODE
    # Over the name too: to a browser, `</onclick=…` right after `<x` is an attribute of `x<`.
    if acting.search(found[0]):
        return True
    return not _QUOTES_PAIRED.match(found[0] if within else found["rest"])
