"""Values that JSON gives back as it took them: text that nobody decodes, and seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema, to_json
from typing_extensions import TypeAliasType


class JsonText:
    """JSON in UTF-8, passed on as it is: by the database in columns of type `json`, and by `to_json_object`.

    Numbers in it keep the digits they were written with, and members their order; and it costs nothing.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonText) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    @classmethod
    def of(cls, value: object) -> JsonText:
        """Returns the text of a value."""
        return cls(to_json(value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": True,
            "description": "An object with any members, which comes back as it was sent.",
        }


FreeObject = TypeAliasType("FreeObject", JsonText)
"""`JsonText` under a name in JSON Schema."""


def to_json_object(members: Mapping[str, object]) -> bytes:
    """Returns the members as a JSON object; those that are text stand behind the others."""
    texts = {name: value for name, value in members.items() if isinstance(value, JsonText)}
    return with_texts(to_json({name: value for name, value in members.items() if name not in texts}), texts)


def with_texts(written: bytes, texts: Mapping[str, JsonText]) -> bytes:
    """Returns a JSON object, as pydantic writes it, with the texts as further members behind its own."""
    further = [to_json(name) + b":" + text.raw for name, text in texts.items()]
    own = [written[1:-1]] if written != b"{}" else []
    return b"{" + b",".join([*own, *further]) + b"}"


def _whole_without_fraction(number: float) -> float:
    return int(number) if number.is_integer() else number


Number = Annotated[
    float,
    PlainSerializer(_whole_without_fraction, return_type=Any),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]
"""A number in a response: 95.25 as it is, and a whole number without a fraction, as 95."""
