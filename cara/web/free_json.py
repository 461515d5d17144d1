"""Free JSON objects in bodies: checked, without markup, and kept as the text that was sent.

pydantic reads each number as a double, and writes its own. So `quote_free_json` hands it the free objects of
a body as strings, which `FreeJson` makes `JsonText` of: only strings that may hold markup are ever decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, get_args

import msgspec
from msgspec import Raw
from pydantic import BaseModel, GetCoreSchemaHandler, RootModel
from pydantic_core import CoreSchema, PydanticKnownError, core_schema
from typing_extensions import TypeAliasType

from cara.errors import InvalidValue
from cara.json_values import JsonText
from cara.web.sanitize import UNWANTED_CHARACTERS, without_markup
from cara.web.strict_json import is_deeper
from cara.web.tags import MarkupBudget

_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"(?P<name>:)?', re.DOTALL)
_SUSPECT: Final = re.compile(rf"[<&{UNWANTED_CHARACTERS}]|\\[bfru]")
"""What may be markup or an unwanted character, or an escape of one, in JSON that is known to be valid."""


@dataclass(frozen=True)
class FreeJson:
    """`Annotated[JsonText, FreeJson()]`: any JSON object; markup is taken out of its strings, but of no name.

    Limits of size and depth hold for the text as it was sent, without white space. With `plain_names` a name
    that holds markup or unwanted characters is refused.
    """

    max_bytes: int | None = None
    max_levels: int | None = None
    plain_names: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._read, handler(source))

    def _read(self, text: object, info: core_schema.ValidationInfo) -> JsonText:
        if not isinstance(text, str) or not text.startswith("{"):
            raise PydanticKnownError("dict_type")
        raw = text.encode()
        if self.max_levels is not None and is_deeper(raw, self.max_levels):
            message = f"must not be nested deeper than {self.max_levels} levels"
            raise InvalidValue("too_deep", message, limit=self.max_levels)
        if self.max_bytes is not None and len(raw) > self.max_bytes:
            message = f"must not be larger than {self.max_bytes:,} bytes of JSON"
            raise InvalidValue("too_large", message, limit=self.max_bytes)
        if isinstance(info.context, MarkupBudget) and not is_plain(text):
            return JsonText(_STRING.sub(partial(self._cleaned, info.context), text).encode())
        return JsonText(raw)

    def _cleaned(self, budget: MarkupBudget, found: re.Match[str]) -> str:
        """Returns a string of the JSON text without markup; as it was written if it has none."""
        written = found[0]
        if not _SUSPECT.search(written) or (found["name"] and not self.plain_names):
            return written
        text = json.loads(written.removesuffix(":"))
        cleaned = without_markup(text, budget)
        if cleaned == text:
            return written
        if found["name"]:
            raise InvalidValue("markup", "must not have names that hold markup or control characters")
        return json.dumps(cleaned, ensure_ascii=False)


def is_plain(text: str) -> bool:
    """Returns whether no string in valid JSON can be changed: far sooner than by looking at each."""
    if text.isascii() and not any(sign in text for sign in "<&\\\x7f"):
        return True
    return not _SUSPECT.search(text)


def quote_free_json(model: type[BaseModel], raw: bytes) -> bytes:
    """Returns a JSON object in which members that are `JsonText` in the model stand as strings.

    They hold no white space. The JSON must be valid; what has not the shape of the model is left for pydantic
    to refuse.
    """
    return _quoted(model, msgspec.json.format(raw, indent=-1)) if _free_members(model) else raw


def _quoted(model: type[BaseModel], raw: bytes) -> bytes:
    free = _free_members(model)
    if not free or not raw.startswith(b"{"):
        return raw
    members: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Raw])
    for name in members.keys() & free.keys():
        members[name] = _quoted_value(free[name], bytes(members[name]))
    return msgspec.json.encode(members)


def _quoted_value(model: type[BaseModel] | None, raw: bytes) -> Any:
    if model is None:
        return None if raw == b"null" else raw.decode()
    if raw.startswith(b"["):
        return [Raw(_quoted(model, bytes(item))) for item in msgspec.json.decode(raw, type=list[Raw])]
    return Raw(_quoted(model, raw))


@cache
def _free_members(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Returns the names of members that are `JsonText`, and of those that are models with such members."""
    found: dict[str, type[BaseModel] | None] = {}
    for name, member in model.model_fields.items():
        for each in _types(member.annotation):
            if each is JsonText:
                found[member.alias or name] = None
            elif isinstance(each, type) and issubclass(each, BaseModel) and (inside := _free_members(each)):
                found |= inside if issubclass(model, RootModel) else {member.alias or name: each}
    return found


def _types(annotation: Any) -> Iterator[Any]:
    """Yields an annotation, and what it is made of or stands for."""
    yield annotation
    parts = (annotation.__value__,) if isinstance(annotation, TypeAliasType) else get_args(annotation)
    for part in parts:
        yield from _types(part)
