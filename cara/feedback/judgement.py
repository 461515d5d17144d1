"""What Gemini is asked to answer: the schema of its judgement. Out of bounds is a broken answer."""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Sentences = Annotated[str, Field(min_length=1, max_length=1_500)]


class _Judged(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class JudgedAspect(_Judged):
    """A score under the rubric and the words for it."""

    score: Annotated[int, Field(ge=0, le=100)]
    feedback: Sentences


class JudgedPace(_Judged):
    """Words about the pace; its score is computed, not judged."""

    feedback: Sentences


class JudgedHighlight(_Judged):
    """A passage of the learner's, copied letter by letter, and what it does."""

    quote: Annotated[str, Field(min_length=1, max_length=400)]
    type: Literal["strength", "improvement"]
    comment: Sentences


class JudgedAction(_Judged):
    """One thing to practise."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    why: Sentences
    exercise: Sentences


class Judgement(_Judged):
    """All that Gemini judges."""

    summary: Sentences
    clarity: JudgedAspect
    pace: JudgedPace
    tone: JudgedAspect
    confidence: JudgedAspect
    relevance: JudgedAspect
    structure: JudgedAspect
    highlights: Annotated[list[JudgedHighlight], Field(min_length=1, max_length=8)]
    action_items: Annotated[list[JudgedAction], Field(min_length=1, max_length=4)]


@cache
def judgement_schema() -> dict[str, Any]:
    """The JSON Schema of a judgement, without references, as Gemini understands it best."""
    schema = Judgement.model_json_schema(by_alias=True)
    inlined: dict[str, Any] = _inlined(schema, schema.get("$defs", {}))
    return inlined


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {name: value for name, value in node.items() if name != "$defs" and not _is_caption(name, value)}
    return {name: _inlined(value, definitions) for name, value in kept.items()}


def _is_caption(name: str, value: Any) -> bool:
    """Pydantic's captions and docstrings, unlike properties of those names, are plain text."""
    return name in ("title", "description") and isinstance(value, str)
