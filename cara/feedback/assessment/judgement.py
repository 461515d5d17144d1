"""The judgement that Gemini is asked for, and how its answer is normalized.

Gemini ignores most bounds of a schema, and respects the others only mostly. Therefore the schema defines the
shape alone, the prompt states the bounds in words (`prompts/judge.md`), and an answer that misses them is
normalized here instead of discarded: the learner has paid for it. Only an answer without any usable score is
unusable.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from cara.feedback.assessment.judgement_members import JUDGED_ASPECTS, judgement_members
from cara.observability.metrics import JUDGEMENTS_MENDED

MAX_SENTENCES_CHARACTERS: Final = 1_500
MAX_TITLE_CHARACTERS: Final = 120
MAX_ACTIONS: Final = 4
_MAX_HIGHLIGHTS_READ: Final = 40

_TYPES: Final = {
    **dict.fromkeys(("strength", "strengths", "positive"), "strength"),
    **dict.fromkeys(("improvement", "improvements", "weakness", "weaknesses", "negative"), "improvement"),
}


class NoUsableScore(Exception):
    """The answer has no score."""


def shorten(text: str, max_characters: int) -> str:
    """Returns the text, cut after a word and marked by an ellipsis if it is longer than the maximum."""
    if len(text) <= max_characters:
        return text
    head = text[: max_characters - 1]
    words, space, _ = head.rpartition(" ")
    # A script without spaces, or one endless word, is cut at the maximum.
    return (words if space and len(words) > max_characters // 2 else head).rstrip(" ,;:") + "…"


def _text(max_characters: int | None) -> BeforeValidator:
    """Returns a validator that takes any value: empty unless it is a text, shortened if it is too long."""

    def read(value: Any) -> str:
        text = value.strip() if isinstance(value, str) else ""
        if max_characters is None or len(text) <= max_characters:
            return text
        JUDGEMENTS_MENDED.labels("text_shortened").inc()
        return shorten(text, max_characters)

    return BeforeValidator(read)


def _score(value: float | None) -> int | None:
    """Returns a whole number from 0 to 100; None if there is no number."""
    if value is None:
        JUDGEMENTS_MENDED.labels("score_missing").inc()
        return None
    if not 0 <= value <= 100:
        JUDGEMENTS_MENDED.labels("score_clamped").inc()
    # Halves go up, as people round; Python's own rounding takes 84.5 down and 85.5 up.
    return math.floor(min(max(value, 0), 100) + 0.5)


def _aspect(value: Any) -> Any:
    """Returns the aspect as an object, even if the answer only has its sentence."""
    if isinstance(value, dict):
        return value
    return {"feedback": value}


def _type(value: Any) -> str | None:
    return _TYPES.get(value.strip().lower()) if isinstance(value, str) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    """Returns the objects of a list; other items are dropped."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _highlights(value: Any) -> list[dict[str, Any]]:
    return [item for item in _objects(value) if _type(item.get("type"))][:_MAX_HIGHLIGHTS_READ]


def _actions(value: Any) -> list[dict[str, Any]]:
    """Returns the first items with a text; an item without a title takes another text as its title."""
    actions = []
    for item in _objects(value):
        texts = [item.get(name) for name in ("title", "exercise", "why")]
        if titles := [text for text in texts if isinstance(text, str) and text.strip()]:
            actions.append({**item, "title": titles[0]})
    return actions[:MAX_ACTIONS]


Score = Annotated[int | None, BeforeValidator(_score)]
Sentences = Annotated[str, _text(MAX_SENTENCES_CHARACTERS)]
Title = Annotated[str, _text(MAX_TITLE_CHARACTERS)]


class _Judged(BaseModel):
    """Ignores unknown members; missing ones have a default that says so."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class JudgedAspect(_Judged):
    """A score under the rubric, None if it is missing, and its explanation."""

    score: Score = None
    feedback: Sentences = ""


class JudgedPace(_Judged):
    """Feedback on the pace, whose score is computed, not judged."""

    feedback: Sentences = ""


class JudgedHighlight(_Judged):
    """A passage that should quote the learner, and a comment; grounding shortens and checks the quote."""

    quote: Annotated[str, _text(None)] = ""
    type: Annotated[Literal["strength", "improvement"], BeforeValidator(_type)]
    comment: Sentences = ""


class JudgedAction(_Judged):
    """One exercise to practise."""

    title: Title
    why: Sentences = ""
    exercise: Sentences = ""


Aspect = Annotated[JudgedAspect, BeforeValidator(_aspect)]
NO_ASPECT: Final = JudgedAspect()


class Judgement(_Judged):
    """Everything that Gemini judges."""

    summary: Sentences = ""
    clarity: Aspect = NO_ASPECT
    pace: Annotated[JudgedPace, BeforeValidator(_aspect)] = JudgedPace()
    tone: Aspect = NO_ASPECT
    confidence: Aspect = NO_ASPECT
    relevance: Aspect = NO_ASPECT
    structure: Aspect = NO_ASPECT
    highlights: Annotated[list[JudgedHighlight], BeforeValidator(_highlights)] = []
    action_items: Annotated[list[JudgedAction], BeforeValidator(_actions)] = []

    @classmethod
    def read(cls, data: Any) -> Self:
        """Returns the normalized judgement of an answer, whose JSON may have another shape.

        Raises:
            NoUsableScore: no aspect has a score.
        """
        judgement = cls.model_validate(judgement_members(data))
        judged = (getattr(judgement, name) for name in JUDGED_ASPECTS)
        if all(aspect.score is None for aspect in judged):
            raise NoUsableScore
        return judgement


@cache
def judgement_schema() -> dict[str, Any]:
    """Returns the JSON Schema of a judgement: its shape, in keywords that Gemini documents."""
    text = {"type": "string"}
    aspect = _object(score={"type": "integer"}, feedback=text)
    kind = {"type": "string", "enum": ["strength", "improvement"]}
    return _object(
        summary=text,
        clarity=aspect,
        pace=_object(feedback=text),
        tone=aspect,
        confidence=aspect,
        relevance=aspect,
        structure=aspect,
        highlights={"type": "array", "items": _object(quote=text, type=kind, comment=text)},
        actionItems={"type": "array", "items": _object(title=text, why=text, exercise=text)},
    )


@cache
def plainer_judgement_schema() -> dict[str, Any]:
    """Returns the same shape by types and properties alone, for models that refuse more."""
    return _plainer(judgement_schema())


def _plainer(schema: dict[str, Any]) -> dict[str, Any]:
    plainer: dict[str, Any] = {"type": schema["type"]}
    if "properties" in schema:
        plainer["properties"] = {name: _plainer(one) for name, one in schema["properties"].items()}
    if "items" in schema:
        plainer["items"] = _plainer(schema["items"])
    return plainer


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}
