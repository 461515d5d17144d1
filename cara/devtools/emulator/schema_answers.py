"""Fills any response schema with advice on a talk.

Takes JSON Schema (`responseJsonSchema`) and Gemini's own dialect of it (`responseSchema`: types in capitals,
`nullable`, counts as strings). Like Gemini it ignores the bounds of a text (`minLength`, `maxLength`,
`pattern`) and those that are not documented (`exclusiveMinimum`, `multipleOf`, `uniqueItems`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cara.devtools.emulator.advice import Action, Advice
from cara.devtools.emulator.passages import Passage

DEEPEST = 12
USUAL_HIGHLIGHTS, USUAL_ACTIONS = 4, 3
Schema = dict[str, Any]
Topic = Passage | Action
FORMATS = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z"}
TEXT = {"type": "string"}
ASPECT = {"type": "object", "properties": {"score": {"type": "integer"}, "feedback": TEXT}}
ASPECTS = ("clarity", "pace", "tone", "confidence", "relevance", "structure")
TALK_SCHEMA: Schema = {
    "properties": {
        "summary": TEXT,
        **dict.fromkeys(ASPECTS, ASPECT),
        "highlights": {"items": {"properties": {"quote": TEXT, "type": TEXT, "comment": TEXT}}},
        "actionItems": {"items": {"properties": {"title": TEXT, "why": TEXT, "exercise": TEXT}}},
    }
}
"""What is written about a talk where JSON is asked for in words alone."""
CRITICISM = ("improv", "weak", "negative", "problem", "growth")
PRAISE = ("strength", "positive", "good", "praise")


class SchemaAnswer:
    """An answer under one schema, about one talk."""

    def __init__(self, schema: Schema, advice: Advice) -> None:
        self._root = schema
        self._advice = advice

    def instance(self) -> Any:
        """Returns a value that is valid under the schema."""
        return self._value(self._root, (), self._advice.talk.all[0], 0)

    def _value(self, schema: Schema, names: tuple[str, ...], topic: Topic, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return _chosen(schema["enum"], _praises(topic))
        match _kind(schema):
            case "object":
                return self._object(schema, names, topic, depth)
            case "array":
                return self._array(schema, names, topic, depth)
            case "integer" | "number" as kind:
                return _number(schema, self._score(names), whole=kind == "integer")
            case "boolean":
                return _praises(topic)
            case "null":
                return None
        return self._string(schema, names, topic)

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

    def _object(self, schema: Schema, names: tuple[str, ...], topic: Topic, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self._value(member, (*names, name), topic, depth + 1)
            for name, member in (schema.get("properties") or {}).items()
            if depth < DEEPEST or name in required
        }

    def _array(self, schema: Schema, names: tuple[str, ...], topic: Topic, depth: int) -> list[Any]:
        topics, usual = self._topics(names)
        fewest, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        count = max(fewest, min(usual, len(topics)) if depth < DEEPEST else 0)
        count = count if most is None else min(count, int(most))
        items = schema.get("items") or {"type": "string"}
        about = [topics[index % len(topics)] if depth < 4 else topic for index in range(count)]
        return [self._value(items, names, each, depth + 1) for each in about]

    def _topics(self, names: tuple[str, ...]) -> tuple[Sequence[Topic], int]:
        """Returns what the items of a list are about, and how many there usually are."""
        if names and names[-1].lower().startswith("action"):
            return self._advice.actions, USUAL_ACTIONS
        return self._advice.talk.all, USUAL_HIGHLIGHTS

    def _string(self, schema: Schema, names: tuple[str, ...], topic: Topic) -> str:
        if sample := FORMATS.get(schema.get("format", "")):
            return sample
        name = names[-1].lower() if names else ""
        aspect = next(
            (part.lower() for part in reversed(names) if part.lower() in self._advice.aspects), None
        )
        if name == "type" and isinstance(topic, Passage):
            return "strength" if topic.strength else "improvement"
        if name in ("summary", "overview"):
            return self._advice.summary()
        if aspect:
            return self._advice.aspects[aspect]
        if isinstance(topic, Action):
            return {"title": topic.title, "exercise": topic.exercise}.get(name, topic.why)
        return topic.quote if name in ("quote", "quotes") else self._advice.comment(topic)

    def _score(self, names: tuple[str, ...]) -> float:
        """Returns the score of the innermost aspect among the names, or else the mean of all."""
        scores = self._advice.scores
        known = [scores[name.lower()] for name in names if name.lower() in scores]
        return known[-1] if known else sum(scores.values()) / len(scores)


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind).lower()


def _praises(topic: Topic) -> bool:
    return isinstance(topic, Passage) and topic.strength


def _chosen(options: list[Any], praised: bool) -> Any:
    beginnings = PRAISE if praised else CRITICISM
    fitting = (option for option in options if str(option).lower().startswith(beginnings))
    return next(fitting, options[0] if praised else options[-1])


def _number(schema: Schema, score: float, *, whole: bool) -> int | float:
    lowest = float(schema.get("minimum", 0))
    highest = float(schema.get("maximum", max(100.0, lowest + 100)))
    value = lowest + (highest - lowest) * score / 100
    return min(max(round(value), math.ceil(lowest)), math.floor(highest)) if whole else round(value, 3)
