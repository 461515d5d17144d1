"""What pydantic finds wrong with the input: by stable codes, in Cara's words, where clients look for it.

No words of pydantic's reach a client: they name its classes, repeat values, and change with its versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from cara.errors import FieldCode, FieldProblem, InvalidValue

MEANINGS: Final[Mapping[FieldCode, str]] = {
    "required": "is missing, or empty where something is needed",
    "unknown": "there is no member or parameter of this name",
    "duplicate": "is given more than once",
    "type": "is of another type than the one that the message names",
    "format": "is not written as what it stands for: an email address, a UUID, a time, a pattern",
    "not_allowed": "is none of the values that there are",
    "reserved": "is kept for Cara itself",
    "blank": "is a text in which nothing is visible",
    "too_short": "is a text of fewer characters than `limit`",
    "too_long": "is a text of more characters (a password: bytes), or a period of more days, than `limit`",
    "too_few": "has fewer items than `limit`",
    "too_many": "has more items than `limit`",
    "too_small": "is a number below `limit`",
    "too_large": "is a number above `limit`, or free JSON of more bytes",
    "too_deep": "is nested deeper than `limit` levels",
    "out_of_range": "is a number or a time that Cara cannot keep",
    "mismatch": "contradicts another member, or what it belongs to",
    "markup": "holds markup where there may be none, or more of it than one request may bring",
    "taken": "belongs to somebody else already",
    "invalid_json": "is not JSON in UTF-8",
    "unstorable": "holds a NUL or half a surrogate pair",
    "password_common": "is one of the most common passwords",
    "password_repetitive": "is one short part over and over",
    "password_sequential": "is one run of neighbouring characters",
    "password_service_words": "is made of the words of this service",
    "password_email": "contains the name in the email address",
    "password_name": "is the name of its owner",
    "invalid": "is wrong in another way",
}

MOST_FIELDS: Final = 50
LONGEST_FIELD: Final = 100
"""Clients choose the names of members: a problem must not grow with what was sent."""

WORDS: Final[Mapping[str, tuple[FieldCode, str]]] = {
    "missing": ("required", "is required"),
    "extra_forbidden": ("unknown", "is unknown here"),
    "model_type": ("type", "must be an object"),
    "dict_type": ("type", "must be an object"),
    "list_type": ("type", "must be an array"),
    "string_type": ("type", "must be a string"),
    "bool_type": ("type", "must be true or false"),
    "bool_parsing": ("type", "must be true or false"),
    "int_type": ("type", "must be a whole number"),
    "int_parsing": ("type", "must be a whole number"),
    "int_from_float": ("type", "must be a whole number"),
    "int_parsing_size": ("out_of_range", "must be a whole number of fewer digits"),
    "float_type": ("type", "must be a number"),
    "float_parsing": ("type", "must be a number"),
    "finite_number": ("out_of_range", "must be a finite number"),
    "uuid_type": ("type", "must be a UUID in a string"),
    "uuid_parsing": ("format", "must be a UUID"),
    "literal_error": ("not_allowed", "must be {expected}"),
    "string_too_short": ("too_short", "must have at least {limit} character{s}"),
    "string_too_long": ("too_long", "must have at most {limit} character{s}"),
    "too_short": ("too_few", "must have at least {limit} item{s}"),
    "too_long": ("too_many", "must have at most {limit} item{s}"),
    "greater_than": ("too_small", "must be more than {limit}"),
    "greater_than_equal": ("too_small", "must be at least {limit}"),
    "less_than": ("too_large", "must be less than {limit}"),
    "less_than_equal": ("too_large", "must be at most {limit}"),
}
"""The code and the message for each type of pydantic's errors that a request can cause."""

_UNFORESEEN: Final = InvalidValue("invalid", "is not valid")
_LIMITS: Final = ("min_length", "max_length", "gt", "ge", "lt", "le")


def field_problems(error: ValidationError, sent: object, *, within: str) -> list[FieldProblem]:
    """Returns what is wrong with which members of what was `sent`, at most `MOST_FIELDS`, without the values.

    `within` names what was sent as a whole. A value that fits none of several alternatives is one problem,
    unless it has the type of one of them: then its members are at fault.
    """
    found: dict[tuple[int | str, ...], FieldProblem] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = _path(item, sent)
        problem = _refusal(item).at(".".join(map(str, path))[:LONGEST_FIELD] or within)
        found[path] = _either(found[path], problem) if path in found else problem
        if len(found) == MOST_FIELDS:
            break
    inner = {path[:length] for path in found for length in range(len(path))}
    return [problem for path, problem in found.items() if problem.code != "type" or path not in inner]


def _refusal(item: Mapping[str, Any]) -> InvalidValue:
    context = item.get("ctx", {})
    refusal = context.get("error")
    if isinstance(refusal, InvalidValue):
        return refusal
    if item["type"] not in WORDS:
        return _UNFORESEEN
    code, message = WORDS[item["type"]]
    limit = next((context[name] for name in _LIMITS if name in context), None)
    if limit is None:
        return InvalidValue(code, message.format_map(context))
    limit = int(limit) if limit == int(limit) else limit  # a bound of floats is `100.0`
    return InvalidValue(code, message.format(limit=f"{limit:,}", s="" if limit == 1 else "s"), limit=limit)


def _path(item: Mapping[str, Any], sent: Any) -> tuple[int | str, ...]:
    """Returns the JSON path of the member at fault, in the client's spelling; nothing for the whole.

    Beside the names of members, pydantic's locations have those of its alternatives, and marks such as
    `[key]`: what does not lead on through what was sent is left out, unless it is the name that is missing.
    """
    location, names = item["loc"], []
    for part in location:
        if _has(sent, part):
            names.append(part)
            sent = sent[part]
    if item["type"] == "missing":
        names.append(location[-1])
    return tuple(names)


def _has(sent: Any, part: int | str) -> bool:
    if isinstance(sent, list):
        return isinstance(part, int) and part < len(sent)
    return isinstance(sent, Mapping) and part in sent


def _either(first: FieldProblem, second: FieldProblem) -> FieldProblem:
    """Returns as one problem that a value fits neither of two alternatives."""
    if first.message == second.message:
        return first
    code = first.code if first.code == second.code else "invalid"
    return FieldProblem(first.field, code, f"{first.message}, or {second.message}")


def field_code_schema() -> dict[str, Any]:
    """Returns the JSON Schema of the codes."""
    meanings = "\n".join(f"- `{code}`: {meaning}" for code, meaning in MEANINGS.items())
    return {
        "type": "string",
        "title": "FieldCode",
        "description": f"A stable word for programs; later versions may add some. The member\n\n{meanings}",
        "enum": list(MEANINGS),
    }


def field_problem_schema() -> dict[str, Any]:
    """Returns the JSON Schema of an item of `errors`."""
    return {
        "type": "object",
        "title": "FieldProblem",
        "description": "What is wrong with one member of the body, one parameter or one header field.",
        "required": ["field", "code", "message"],
        "properties": {
            "field": {
                "type": "string",
                "description": "Its path, such as `events.3.eventType`, or its name; `body` for all of it.",
            },
            "code": {"anyOf": [{"$ref": "#/components/schemas/FieldCode"}, {"type": "string"}]},
            "message": {"type": "string", "description": "What is wrong, behind the name: `title must …`."},
            "limit": {"type": "number", "description": "The bound that was passed, where there is one."},
        },
    }
