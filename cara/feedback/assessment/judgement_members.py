"""Finds the members of a judgement and its scores, wherever and however a model has written them."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cara.observability.metrics import JUDGEMENTS_MENDED

JUDGED_ASPECTS: Final = ("clarity", "tone", "confidence", "relevance", "structure")
ASPECTS: Final = (*JUDGED_ASPECTS, "pace")

_MEMBERS: Final = {
    **{name: name for name in ("summary", *ASPECTS, "highlights")},
    "actionitems": "actionItems",
}
_SCORE_NAMES: Final = ("score", "value", "points", "rating", "mark", "grade")
_FEEDBACK_NAMES: Final = ("feedback", "comment", "explanation", "reason", "text")
_BOUND_NAMES: Final = ("outof", "of", "max", "maximum", "scale")
_NAME_NAMES: Final = ("name", "aspect", "dimension", "criterion", "category")
_NO_SCORES: Final = re.compile(r"weight|maximum|minimum|schema|properties|example|previous|earlier")

_NUMBER: Final = r"[+-]?\d{1,9}(?:[.,]\d{1,20})?"
_SCORE: Final = re.compile(
    rf"(?:score ?[:=] ?|about |~ ?)?({_NUMBER}) ?"
    rf"(?:(%|percent)|(?:/|out of|of) ?({_NUMBER})(?: points)?|points)? ?\.?(?: ?\([^()]*\))?",
    re.IGNORECASE,
)
_MAX_SCORE_CHARACTERS: Final = 60
_MAX_NODES: Final = 2_000
_MAX_DEPTH: Final = 4


@dataclass(frozen=True)
class Score:
    """A score as it was written; `has_scale` if its scale was stated, which makes it one out of 100."""

    number: float
    has_scale: bool = False


def find_score(value: Any, depth: int = 0) -> Score | None:
    """Returns the score in a number, a text such as `85 out of 100`, or an object or list around either."""
    if isinstance(value, str):
        return _score_of_text(value)
    if isinstance(value, int | float):
        return None if isinstance(value, bool) or value != value else Score(value)
    if depth == _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return find_score(value[0], depth + 1) if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    members = {_plain(name): member for name, member in value.items()}
    scores = (find_score(members[name], depth + 1) for name in _SCORE_NAMES if name in members)
    score = next((found for found in scores if found), None)
    bounds = (members[name] for name in _BOUND_NAMES if name in members)
    bound = next((one for one in bounds if isinstance(one, int | float)), 0)
    return _out_of(score.number, bound) if score and not score.has_scale else score


def find_text(value: Any) -> str:
    """Returns the explanation in an aspect, which may be empty."""
    if isinstance(value, str):
        return "" if _score_of_text(value) else value
    if not isinstance(value, dict):
        return ""
    members = {_plain(name): member for name, member in value.items()}
    texts = (members.get(name) for name in _FEEDBACK_NAMES)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def judgement_members(data: Any) -> dict[str, Any]:
    """Returns the members of a judgement under their names.

    Only where no aspect has a score at its place are members looked for in other places, whatever is around
    them: what is found there could be something else.
    """
    members = dict(_named_members(data)) if isinstance(data, dict) else {}
    if not any(find_score(members.get(name)) for name in JUDGED_ASPECTS):
        members = _nested_members(data)
        if any(find_score(members.get(name)) for name in JUDGED_ASPECTS):
            JUDGEMENTS_MENDED.labels("nesting").inc()
    return _scaled(members)


def _scaled(members: dict[str, Any]) -> dict[str, Any]:
    """Returns the members with plain scores from 0 to 100.

    Scores from 0 to 1 are shares of 1 if all of them are and one is a fraction. Other scales cannot be told
    from bad marks.
    """
    scores = {name: find_score(members[name]) for name in JUDGED_ASPECTS if name in members}
    found = [score for score in scores.values() if score]
    in_one = all(not score.has_scale and 0 <= score.number <= 1 for score in found)
    are_shares = in_one and any(0 < score.number < 1 for score in found)
    if are_shares:
        JUDGEMENTS_MENDED.labels("scale").inc()
    aspects: dict[str, Any] = {
        name: {
            "score": score and (score.number * 100 if are_shares else score.number),
            "feedback": find_text(members[name]),
        }
        for name, score in scores.items()
    }
    return {**members, **aspects}


def _score_of_text(text: str) -> Score | None:
    words = text.strip()
    if len(words) > _MAX_SCORE_CHARACTERS or not (matched := _SCORE.fullmatch(" ".join(words.split()))):
        return None
    number, percent, bound = matched.groups()
    return _out_of(_number(number), 100.0 if percent else _number(bound or "0"))


def _out_of(number: float, bound: float) -> Score:
    """Returns the score out of 100; the bound is ignored if it cannot be one."""
    is_bound = 0 < bound < math.inf and number <= bound
    return Score(number / bound * 100, has_scale=True) if is_bound else Score(number)


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))


def _plain(name: str) -> str:
    """Returns a name in lower-case letters alone, so that only its words count."""
    return re.sub(r"[^a-z]", "", name.lower())


def _named_members(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the members that belong to a judgement, exact names last."""
    for name, value in sorted(data.items(), key=lambda member: member[0] in _MEMBERS.values()):
        if _plain(name) in _MEMBERS:
            yield _MEMBERS[_plain(name)], value


def _nested_members(data: Any) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for name, value in _walk(data):
        found.setdefault(name, []).append(value)
    return {name: _joined(values) if name in ASPECTS else values[0] for name, values in found.items()}


def _joined(values: list[Any]) -> dict[str, Any]:
    """Returns one aspect from all that was found of it: scores and explanations may stand apart."""
    score = next((value for value in values if find_score(value)), None)
    return {"score": score, "feedback": next(filter(None, map(find_text, values)), "")}


def _walk(data: Any) -> Iterator[tuple[str, Any]]:
    """Yields the members of a judgement in whatever is nested, from the outside to the inside."""
    waiting = deque([data])
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.popleft()
        if isinstance(node, dict) and (name := _own_name(node)):
            yield name, node
        elif isinstance(node, dict):
            for key, value in node.items():
                if member := _member(_plain(key), value):
                    yield member
                elif isinstance(value, dict | list) and not _NO_SCORES.search(_plain(key)):
                    waiting.append(value)
        elif isinstance(node, list):
            waiting.extend(node)


def _own_name(node: dict[str, Any]) -> str | None:
    """Returns the aspect that an object says it is about, as in `{"name": "Clarity", "score": 80}`."""
    names = (value for key, value in node.items() if _plain(key) in _NAME_NAMES and isinstance(value, str))
    return next((_plain(name) for name in names if _plain(name) in ASPECTS), None)


def _member(name: str, value: Any) -> tuple[str, Any] | None:
    if name in _MEMBERS:
        return _MEMBERS[name], value
    for part in ("score", "feedback"):
        if name.removesuffix(part) in ASPECTS:
            return name.removesuffix(part), {part: value}
    return None
