"""Writes what a benchmark found into its section of a document, between two markers."""

from __future__ import annotations

import re
from pathlib import Path


class SectionMissing(Exception):
    """The document has not exactly one such section; the message names the markers that it should have."""


def replace_section(path: Path, name: str, text: str) -> None:
    """Replaces what stands between `<!-- name: begin -->` and `<!-- name: end -->`; all else stays.

    Raises:
        SectionMissing: the document has no such section, or several.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    document = path.read_text()
    section = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if document.count(begin) != 1 or document.count(end) != 1 or not section.search(document):
        raise SectionMissing(f"{path} must have one line {begin} and one line {end} after it")
    path.write_text(section.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", document))
