"""Entity tags and the conditions on them: If-Match and If-None-Match (RFC 9110, sections 8.8.3 and 13.1).

Our tags name a version of what is stored, not the bytes of one response. So whoever compresses a response on
its way may mark the tag as weak, as nginx does, or append the coding to it, as Apache, Caddy and Jetty do:
it still names that version, in If-Match too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cara.web.handlers import Header

MAX_FIELD_CHARACTERS: Final = 8_190
"""A longer field, which only several lines can make, names no tag: nobody has so many versions."""

_TAG: Final = r'(?:W/)?+"[\x21\x23-\x7e\x80-\U0010ffff]*+"'
_LIST: Final = re.compile(rf"[ \t,]*+(?:{_TAG}[ \t]*+(?:,[ \t,]*+|\Z))++")
_OPAQUE: Final = re.compile(r'"([^"]*)"')
_CODING: Final = re.compile(r"--?(?:br|deflate|gzip|zstd)\Z")


@dataclass(frozen=True)
class EntityTags:
    """The tags of a field, without quotation marks and without what compression has made of them."""

    opaque: frozenset[str]
    anything: bool = False
    """The field is `*`, which every version matches."""

    def match(self, tag: str) -> bool:
        """Returns whether one of them is this tag, as the ETag field spells it."""
        return self.anything or tag.strip('"') in self.opaque

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(parse_entity_tags, core_schema.str_schema())


def parse_entity_tags(field: str) -> EntityTags:
    """Returns the tags of a field, whose lines are joined by commas.

    A malformed field names no tag at all, so that nothing matches: a change is refused, and a read is
    answered in full. Either is safe, whatever the client meant.
    """
    if field.strip(" \t") == "*":
        return EntityTags(frozenset(), anything=True)
    if len(field) > MAX_FIELD_CHARACTERS or not _LIST.fullmatch(field):
        return EntityTags(frozenset())
    return EntityTags(frozenset(_CODING.sub("", tag) for tag in _OPAQUE.findall(field)))


IfMatch = Annotated[
    EntityTags | None,
    Header("If-Match", "The ETags of what was read: refused when it has changed since. `*` is any version."),
]
IfNoneMatch = Annotated[
    EntityTags | None,
    Header("If-None-Match", "The ETags of what is known already: 304 when it has not changed since."),
]
