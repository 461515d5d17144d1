"""The parameters of an operation in OpenAPI, from what the annotations of its handler ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from cara.web.handlers import Inputs


@dataclass(frozen=True)
class Parameter:
    """One parameter; `place` is what OpenAPI calls `in`."""

    name: str
    place: str
    adapter: TypeAdapter[Any]
    required: bool = False
    description: str | None = None
    default: Any = None

    def described(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the parameter with its schema, whose description is that of the parameter.

        Without null: a parameter is left out, never null.
        """
        found = dict(schema)
        description = found.pop("description", None) or self.description
        choices = [choice for choice in found.pop("anyOf", ()) if choice != {"type": "null"}]
        found |= choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}
        parameter: dict[str, Any] = {"name": self.name, "in": self.place}
        if description:
            parameter["description"] = description
        default = {} if self.default is None else {"default": self.default}
        return parameter | {"required": self.required, "schema": found | default}


def parameters_of(inputs: Inputs) -> Iterator[Parameter]:
    for name, adapter in inputs.path.items():
        yield Parameter(name, "path", adapter, required=True)
    for header, adapter in inputs.headers.values():
        yield Parameter(header.name, "header", adapter, description=header.description)
    for field in inputs.query.model_fields.values() if inputs.query else ():
        required = field.is_required()
        adapter = TypeAdapter(_annotated(field))
        default = None if required else field.default
        yield Parameter(str(field.alias), "query", adapter, required, field.description, default)


def _annotated(field: FieldInfo) -> Any:
    """Returns a field's type with its constraints, as `Annotated` would spell it."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
