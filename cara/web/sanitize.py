"""Takes HTML markup out of free text and leaves everything else as the person wrote it.

`without_markup` cleans one text, and `cleaning_edits` says what it would change, for texts of which each
character must be found where it stood; `FreeText` marks members of request models that people write freely.

What counts as markup
    An element of HTML (`<b>`, `</p>`, `<br/>`, `<input disabled>`, `<a b=c`), any name at all with a quoted
    first attribute or an attribute that can act (`<x onclick=…`, `<y href=…`), comments, document types,
    CDATA and processing instructions; also when written with character references, up to four times encoded.
    `<script>` and `<style>` go with their content, the text inside any other element stays.
    An unterminated tag goes up to its last attribute value.
What does not
    A `<` that starts none of these: `a < b`, `<3`, `if a<b and c>d`, `x <y`, `List<int>`, `<a@b.c>`, `<you>`,
    and behind a name that is no element what looks like an assignment: `x<y; src = 4; z>1`, `x<y style = z`;
    nor does an equality make an attribute: `a<b && src == null`.
    `vector<b>` does lose its `<b>`, for nothing distinguishes it from a tag. References that make no tag stay
    as they were typed: `R&amp;D`.
Characters
    C0 (but line feed and tab), DEL, C1, surrogates, noncharacters and the two bidirectional overrides
    (U+202D, U+202E) go. Bidirectional marks, embeddings and isolates stay: right-to-left text needs them.
    Line ends become line feeds.

What comes back is plain text, with nothing escaped: clients that show it as HTML escape it.

Three steps, each with a name of its own: `Tags` finds the tags (cara/web/tags.py), here or in the text that
references decode to (`_View`); `_left_of_tag` has bleach say what is left of one; `_cuts` are the edits that
take them out.
bleach sees tags alone, one of each name: the rest of a text it would escape, and a long one keep it busy.
"""

from __future__ import annotations

import html
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import bleach
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cara.errors import InvalidValue
from cara.web.tags import ELEMENTS, PASSED_CHARACTERS_A_STEP, SIGNS_A_STEP, MarkupBudget, Span, Tags

Info = core_schema.ValidationInfo
Edit = tuple[int, int, str]
"""What stands at [start, end) of a text, and what comes in its place."""

_ENCODINGS: Final = 4
_PASSES: Final = 4

UNWANTED_CHARACTERS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
"""Within the brackets of a pattern: what `without_markup` takes out beside markup."""

_UNWANTED: Final = re.compile(f"[{UNWANTED_CHARACTERS}]+")
_UNWANTED_OR_LINE_END: Final = re.compile(rf"\r\n?|(?:(?!\r)[{UNWANTED_CHARACTERS}])+")
_SIGNS: Final = re.compile("[<&]+")
_REFERENCE: Final = re.compile(
    r"&(?:#0*+(?P<decimal>[0-9]{1,7})(?![0-9]);?|#[xX]0*+(?P<hexadecimal>[0-9a-fA-F]{1,6})(?![0-9a-fA-F]);?"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]{1,30};|(?:lt|gt|amp|quot|LT|GT|AMP|QUOT)))"
)


def without_markup(text: str, budget: MarkupBudget | None = None) -> str:
    """Returns the text without markup and unwanted characters; see the module for what these are.

    Applied to its own answer it changes nothing. Takes time linear in the length, whatever the text. All
    texts of one request share its `budget`; without one there is no bound, for text that is short anyhow.

    Raises:
        TooMuchMarkup: the budget is spent.
    """
    kept = _without_unwanted(text)
    for edits in _markup_edits(kept, budget):
        kept = edited(kept, edits)
    return kept


def cleaning_edits(text: str, budget: MarkupBudget | None = None) -> Iterator[list[Edit]]:
    """Yields what `without_markup` does, as edits: each list applies to the text that the one before left.

    The edits of a list are in order and never overlap.

    Raises:
        TooMuchMarkup: the budget is spent.
    """
    if unwanted := [
        (found.start(), found.end(), "\n" if found[0][0] == "\r" else "")
        for found in _UNWANTED_OR_LINE_END.finditer(text)
    ]:
        yield unwanted
    yield from _markup_edits(_without_unwanted(text), budget)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Returns the text with the edits, which are in order and do not overlap."""
    kept: list[str] = []
    position = 0
    for start, end, replacement in edits:
        kept += (text[position:start], replacement)
        position = end
    return "".join([*kept, text[position:]])


def _without_unwanted(text: str) -> str:
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _markup_edits(text: str, budget: MarkupBudget | None) -> Iterator[list[Edit]]:
    budget = budget or MarkupBudget(sys.maxsize)
    for _ in range(_PASSES):
        edits = _visible_markup(text, budget)
        before, text = text, edited(text, edits)
        if text == before:
            return
        yield edits
    # Only text built to grow new tags out of the removal of others comes here; without these two it cannot.
    yield [(found.start(), found.end(), "") for found in _SIGNS.finditer(text)]


def _visible_markup(text: str, budget: MarkupBudget) -> list[Edit]:
    """Returns the edits that take out the markup that stands in the text, or shows first as it is decoded."""
    view = _View(text)
    for _ in range(_ENCODINGS + 1):
        if "<" in view.text and (spans := list(Tags(view.text, budget).spans())):
            return _cuts(view, spans)
        decoded = view.decoded(budget)
        if decoded is view:
            break
        view = decoded
    return []


def _cuts(view: _View, spans: list[Span]) -> list[Edit]:
    edits: list[Edit] = []
    for start, end, opens in spans:
        begin = view.origin(start)
        left = _left_of_tag(opens) if opens in ELEMENTS and begin > 0 else ""
        edits.append((begin, view.origin(end), left))
    return edits


@lru_cache(maxsize=len(ELEMENTS))
def _left_of_tag(element: str) -> str:
    """Returns what bleach leaves of a tag: nothing, or the line break of a block element.

    That depends on nothing but its name, and on its not being the first, for which another one stands here.
    """
    left: str = bleach.clean(f"<b></b><{element}>", tags=(), attributes={}, strip=True)
    return left


@dataclass(frozen=True)
class _View:
    """A text, or what it says once its references are decoded, and where each character stood in it.

    From each of `places` on, characters of `text` stand one for one from the same entry of `origins` on in
    the text of `outer`, which this one was decoded from.
    """

    text: str
    outer: _View | None = None
    places: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)

    def origin(self, place: int) -> int:
        """Returns where in the first text the character at the place stood, or began to be written."""
        if self.outer is None or place == 0:
            return place
        run = bisect_right(self.places, place) - 1
        return self.outer.origin(self.origins[run] + place - self.places[run])

    def decoded(self, budget: MarkupBudget) -> _View:
        """Returns the text with its references decoded once; the view itself when there are none.

        Raises:
            TooMuchMarkup: the budget is spent.
        """
        signs = self.text.count("&")
        if not signs:
            return self
        budget.spend(1 + len(self.text) // PASSED_CHARACTERS_A_STEP + signs // SIGNS_A_STEP)
        parts: list[str] = []
        places, origins = [0], [0]
        position = length = 0
        for found in _REFERENCE.finditer(self.text):
            budget.spend(1)
            kind = str(found.lastgroup)
            characters = _characters(kind, found[kind])
            start, end = found.span()
            parts += (self.text[position:start], characters)
            length += start - position + len(characters)
            # What is in the middle of two characters stands behind the reference that they are written as.
            for place in range(length - max(len(characters) - 1, 0), length + 1):
                places.append(place)
                origins.append(end)
            position = end
        parts.append(self.text[position:])
        decoded = "".join(parts)
        return self if decoded == self.text else _View(decoded, self, places, origins)


@lru_cache(maxsize=512)
def _characters(kind: str, body: str) -> str:
    prefix, suffix = {"decimal": ("&#", ";"), "hexadecimal": ("&#x", ";"), "name": ("&", "")}[kind]
    return html.unescape(f"{prefix}{body}{suffix}")


@dataclass(frozen=True)
class FreeText:
    """`Annotated[str, FreeText(1, 200)]`: at most 200 characters as sent, and at least 1 when it is clean.

    Neither markup nor blanks at the ends count for the least number.

    Markup is taken out only when validation runs with a `MarkupBudget` as its context. So a body is validated
    twice: first as it was sent, so that lengths, counts and types refuse what they can before anything costs
    much, then within its budget.
    """

    min_length: int = 0
    max_length: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        if self.max_length is not None:
            schema = {**schema, "max_length": self.max_length}
        return core_schema.with_info_after_validator_function(self._clean, schema)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler(schema)
        return {**described, "minLength": self.min_length} if self.min_length else described

    def _clean(self, text: str, info: Info) -> str:
        cleaned = without_markup(text, info.context) if isinstance(info.context, MarkupBudget) else text
        length = len(cleaned.strip())
        if length >= self.min_length:
            return cleaned
        if not length:
            raise InvalidValue("blank", "must not be blank")
        message = f"must have at least {self.min_length} characters, without blanks at its ends"
        raise InvalidValue("too_short", message, limit=self.min_length)
