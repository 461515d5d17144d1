"""Takes HTML markup out of free text and leaves everything else as the person wrote it.

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
    `vector<b>` does lose its `<b>`, for nothing tells it from a tag. References that make no tag stay as they
    were typed: `R&amp;D`.
Characters
    C0 (but line feed and tab), DEL, C1, surrogates, noncharacters and the two bidirectional overrides
    (U+202D, U+202E) go. Bidirectional marks, embeddings and isolates stay: right-to-left text needs them.
    Line ends become line feeds.

What comes back is plain text, with nothing escaped: whoever shows it as HTML escapes it.
"""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from bleach.sanitizer import Cleaner

from cara.web.tags import Tags

_ENCODINGS: Final = 4
_PASSES: Final = 4
_BLEACHED_PIECES: Final = 1_000
_BLEACHED_PIECE_CHARACTERS: Final = 2_000
_BLEACHED_AT_ONCE: Final = 100
_SEPARATOR: Final = "\ufdd0"
_of_this_thread = threading.local()

Offsets = Sequence[int]
"""Where each character of a decoded text, and its end, stood in the original."""

_LINE_ENDS: Final = re.compile(r"\r\n?")
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+"
)
_REFERENCE: Final = re.compile(
    r"&(?:#0*+(?P<decimal>[0-9]{1,7})(?![0-9]);?|#[xX]0*+(?P<hexadecimal>[0-9a-fA-F]{1,6})(?![0-9a-fA-F]);?"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]{1,30};|(?:lt|gt|amp|quot|LT|GT|AMP|QUOT)))"
)


def without_markup(text: str) -> str:
    """The text without markup and unwanted characters; see the module for what these are.

    Applied to its own answer it changes nothing. Takes time linear in the length, whatever the text.
    """
    kept = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))
    for _ in range(_PASSES):
        before, kept = kept, _without_visible_markup(kept)
        if kept == before:
            return kept
    # Only text built to grow new tags out of the removal of others comes here; without these two it cannot.
    return kept.replace("<", "").replace("&", "")


def _without_visible_markup(text: str) -> str:
    """The text without the markup that stands in it, or that shows first as it is decoded again and again."""
    view = text
    offsets: Offsets = range(len(text) + 1)
    for _ in range(_ENCODINGS + 1):
        if spans := list(Tags(view).spans()):
            return _cut(text, view, offsets, spans)
        decoded, offsets = _decoded(view, offsets) if "&" in view else (view, offsets)
        if decoded == view:
            break
        view = decoded
    return text


def _cut(text: str, view: str, offsets: Offsets, spans: list[tuple[int, int]]) -> str:
    kept, position = [], 0
    for (start, end), replacement in zip(spans, _replacements(view, spans), strict=True):
        kept += [text[position : offsets[start]], replacement]
        position = offsets[end]
    return "".join([*kept, text[position:]])


def _replacements(text: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    """What bleach leaves of each span: nothing, or the line break it puts for a block element.

    bleach is slow for many tags and quadratic for broken ones, so it sees pieces of bounded size and number;
    what is beyond that goes without a question.
    """
    seen = min(len(spans), _BLEACHED_PIECES)
    for first in range(0, seen, _BLEACHED_AT_ONCE):
        yield from _bleached([text[start:end] for start, end in spans[first : first + _BLEACHED_AT_ONCE]])
    yield from [""] * (len(spans) - seen)


def _bleached(pieces: list[str]) -> Iterator[str]:
    bounded = (piece if len(piece) <= _BLEACHED_PIECE_CHARACTERS else "" for piece in pieces)
    left = _cleaner().clean(_SEPARATOR.join(bounded)).split(_SEPARATOR)
    if len(left) != len(pieces):
        return iter([""] * len(pieces))
    return ("\n" if remainder == "\n" else "" for remainder in left)


def _cleaner() -> Cleaner:
    """One for each thread: to make one takes ten times what it takes to clean a tag."""
    if not hasattr(_of_this_thread, "cleaner"):
        _of_this_thread.cleaner = Cleaner(tags=frozenset(), attributes={}, strip=True, strip_comments=True)
    cleaner: Cleaner = _of_this_thread.cleaner
    return cleaner


def _decoded(text: str, offsets: Offsets) -> tuple[str, list[int]]:
    """The text with its references decoded once, and where each character stood in the original."""
    pieces: list[str] = []
    places: list[int] = []
    position = 0
    for found in _REFERENCE.finditer(text):
        start, end = found.span()
        characters = _characters(str(found.lastgroup), found[str(found.lastgroup)])
        pieces += (text[position:start], characters)
        places += offsets[position:start]
        places += [offsets[start]] * bool(characters)
        places += [offsets[end - after] for after in range(len(characters) - 1, 0, -1)]
        position = end
    pieces.append(text[position:])
    places += offsets[position:]
    places[0] = 0
    return "".join(pieces), places


@lru_cache(maxsize=512)
def _characters(kind: str, body: str) -> str:
    prefix, suffix = {"decimal": ("&#", ";"), "hexadecimal": ("&#x", ";"), "name": ("&", "")}[kind]
    return html.unescape(f"{prefix}{body}{suffix}")
