"""The members of responses whose values are rows of ours: nobody need validate them again.

A handler that promises `ApiResponse[Model]` may answer with the members of that model. Tests hold such
answers against the OpenAPI document, which is made of the models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, get_args

import msgspec
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from cara.json_values import JsonText

Members: TypeAlias = dict[str, Any]
"""By their names in JSON, in the order in which they are sent."""


def members_json(members: Members) -> bytes:
    """Returns the members as JSON; instants are written in UTC with a trailing Z, `JsonText` as it is."""
    return msgspec.json.encode(members, enc_hook=_as_it_is)


def _as_it_is(value: object) -> msgspec.Raw:
    if isinstance(value, JsonText):
        return msgspec.Raw(value.raw)
    raise TypeError(f"{type(value).__name__} is no value of a response")


def members_of(model: type[BaseModel]) -> Callable[[Any], Members]:
    """Returns a function that takes the members of the model from a row with columns of their names.

    A whole number is written without a fraction, as `cara.json_values.Number` does.
    """
    columns = [(to_camel(name), name) for name in model.model_fields]
    numbers = [to_camel(name) for name, field in model.model_fields.items() if _is_number(field.annotation)]

    def members(row: Any) -> Members:
        found = {member: row[column] for member, column in columns}
        for member in numbers:
            value = found[member]
            if type(value) is float and value.is_integer():
                found[member] = int(value)
        return found

    return members


def _is_number(annotation: Any) -> bool:
    """Returns whether a member may be a number with a fraction: `Number`, or one that may be missing."""
    return annotation is float or any(map(_is_number, get_args(annotation)))
