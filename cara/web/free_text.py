"""Marks the members of request models that people write freely, and takes markup out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from cara.web.markup import without_markup
from cara.web.tags import MarkupBudget

Info = core_schema.ValidationInfo

SMALLEST_MAGNITUDE, LARGEST_MAGNITUDE = 1e-30, 1e30
"""Of numbers in free JSON: PostgreSQL writes them out, `1e308` with all its 309 digits."""


@dataclass(frozen=True)
class FreeText:
    """`Annotated[str, FreeText(1, 200)]`: at most 200 characters as sent, at least 1 without markup.

    On a container (`Annotated[dict[str, Any], FreeText()]`) every string in it is cleaned, but no key.

    Markup is taken out only when validation runs with a `MarkupBudget` as its context. So a body is validated
    twice: first as it was sent, so that lengths, counts and types refuse what they can before anything costs
    much, then within its budget.
    """

    min_length: int = 0
    max_length: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        if schema["type"] != "str":
            return core_schema.with_info_after_validator_function(_clean_all, schema)
        if self.max_length is not None:
            schema = {**schema, "max_length": self.max_length}
        return core_schema.with_info_after_validator_function(self._clean, schema)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler(schema)
        return {**described, "minLength": self.min_length} if self.min_length else described

    def _clean(self, text: str, info: Info) -> str:
        cleaned = _clean_text(text, info)
        if len(cleaned) < self.min_length:
            raise PydanticKnownError("string_too_short", {"min_length": self.min_length})
        return cleaned


def _clean_text(text: str, info: Info) -> str:
    return without_markup(text, info.context) if isinstance(info.context, MarkupBudget) else text


def _clean_all(value: Any, info: Info) -> Any:
    if isinstance(value, str):
        return _clean_text(value, info)
    if isinstance(value, list):
        return [_clean_all(item, info) for item in value]
    if isinstance(value, dict):
        return {key: _clean_all(item, info) for key, item in value.items()}
    if isinstance(value, float) and value and not SMALLEST_MAGNITUDE <= abs(value) <= LARGEST_MAGNITUDE:
        raise ValueError("must not hold numbers beyond 1e30, or nearer to zero than 1e-30")
    return value
