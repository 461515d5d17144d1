"""Examples of schemas, put together from those that models give (`cara.web.models.example`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

_BY_FORMAT: Final = {
    "uuid": "019a1f8e-5c3d-7a42-9b1e-3f6d2c8a7b50",
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:30:00Z",
}
_NULL: Final = {"type": "null"}


class NoExample(LookupError):
    """A text or number has no example: no rule can make up one that helps a reader."""


class Examples:
    """Makes examples of the schemas of one document.

    A model's own example counts as it is; required members that it leaves out are put together from their
    types, as are models without one: the first choice, one item of a list, ids and times by their format.
    """

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def of(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """Returns an example of the schema; `name` is what a complaint calls it.

        Raises:
            NoExample: a required member has none.
        """
        if reference := schema.get("$ref"):
            name = reference.rpartition("/")[2]
            return self.of(self._definitions[name], name)
        given = schema.get("examples", [{}])[0]
        if "properties" in schema:
            return self._of_object(schema, given, name)
        if "examples" in schema:
            return given
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._of_choice(schema[keyword], name)
        return self._of_type(schema, name)

    def _of_choice(self, choices: Sequence[Mapping[str, Any]], name: str) -> Any:
        """Returns an example of the first choice; null, where that is allowed and nothing else is known."""
        try:
            return self.of(next(one for one in choices if one != _NULL), name)
        except NoExample:
            if _NULL in choices:
                return None
            raise

    def _of_object(self, schema: Mapping[str, Any], given: Mapping[str, Any], name: str) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            member: given[member] if member in given else self.of(inner, f"{name}.{member}")
            for member, inner in schema["properties"].items()
            if member in given or member in required
        }

    def _of_type(self, schema: Mapping[str, Any], name: str) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("format") in _BY_FORMAT:
            return _BY_FORMAT[schema["format"]]
        match schema.get("type"):
            case "array":
                return [self.of(schema["items"], name)]
            case "object":
                return {}
            case "boolean":
                return True
        raise NoExample(name)
