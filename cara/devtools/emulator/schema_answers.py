"""Fills any answer schema with an instance that speaks about the learner's talk.

Takes JSON Schema (`responseJsonSchema`) and Gemini's own dialect of it (`responseSchema`: types in capitals,
`nullable`, counts as strings). Like Gemini it looks at no bound of a text (`minLength`, `maxLength`,
`pattern`) and at none that is not documented (`exclusiveMinimum`, `multipleOf`, `uniqueItems`).
"""

from __future__ import annotations

import math
from typing import Any

from cara.devtools.emulator.coaching import phrase
from cara.devtools.emulator.talk import Focus, Talk

DEEPEST = 12
USUAL_ITEMS = 3
Schema = dict[str, Any]
FORMATS = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z"}
AT_FAULT = ("improv", "weak", "negative", "problem", "growth")
PRAISED = ("strength", "positive", "good", "praise")


class SchemaAnswer:
    """Walks one schema for one talk."""

    def __init__(self, schema: Schema, talk: Talk) -> None:
        self._root = schema
        self._talk = talk
        self._focuses = talk.focuses

    def instance(self) -> Any:
        """A value of the shape that the schema asks for."""
        return self._value(self._root, (), self._focuses[0], 0)

    def _value(self, schema: Schema, names: tuple[str, ...], focus: Focus, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return _chosen(schema["enum"], focus)
        match _kind(schema):
            case "object":
                return self._object(schema, names, focus, depth)
            case "array":
                return self._array(schema, names, focus, depth)
            case "integer" | "number" as kind:
                return _number(schema, self._mark(names), whole=kind == "integer")
            case "boolean":
                return focus.strength
            case "null":
                return None
        return self._string(schema, names, focus)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(DEEPEST):
            if reference := schema.get("$ref"):
                schema = self._referred(reference) | {key: schema[key] for key in schema if key != "$ref"}
            elif branches := schema.get("anyOf") or schema.get("oneOf"):
                rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
                schema = rest | next((branch for branch in branches if _kind(branch) != "null"), branches[0])
            elif parts := schema.get("allOf"):
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema |= self._resolved(part)
            else:
                break
        return schema

    def _referred(self, reference: str) -> Schema:
        target: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")] if step else target
        return dict(target)

    def _object(self, schema: Schema, names: tuple[str, ...], focus: Focus, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self._value(member, (*names, name), focus, depth + 1)
            for name, member in (schema.get("properties") or {}).items()
            if depth < DEEPEST or name in required
        }

    def _array(self, schema: Schema, names: tuple[str, ...], focus: Focus, depth: int) -> list[Any]:
        fewest, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        count = max(fewest, min(USUAL_ITEMS, max(len(self._focuses), 1)) if depth < DEEPEST else 0)
        count = count if most is None else min(count, int(most))
        items = schema.get("items") or {"type": "string"}
        spoken_of = self._focuses
        if names and names[-1].lower().startswith("action"):
            spoken_of = sorted(spoken_of, key=lambda each: each.strength)  # first what is to be improved
        about = [spoken_of[index % len(spoken_of)] if depth < 4 else focus for index in range(count)]
        return [self._value(items, names, each, depth + 1) for each in about]

    def _string(self, schema: Schema, names: tuple[str, ...], focus: Focus) -> str:
        if sample := FORMATS.get(schema.get("format", "")):
            return sample
        return phrase(names, self._talk, focus)

    def _mark(self, names: tuple[str, ...]) -> float:
        aspects = [name.lower() for name in names]
        return self._talk.score(next((name for name in reversed(aspects) if name != "score"), ""))


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind).lower()


def _chosen(options: list[Any], focus: Focus) -> Any:
    wished = PRAISED if focus.strength else AT_FAULT
    fitting = (option for option in options if str(option).lower().startswith(wished))
    return next(fitting, options[0] if focus.strength else options[-1])


def _number(schema: Schema, mark: float, *, whole: bool) -> int | float:
    lowest = float(schema.get("minimum", 0))
    highest = float(schema.get("maximum", max(100.0, lowest + 100)))
    value = lowest + (highest - lowest) * mark / 100
    return min(max(round(value), math.ceil(lowest)), math.floor(highest)) if whole else round(value, 3)
