"""Reduces a response to the members that Cara reads, each of the type that the SDK accepts.

The SDK refuses a whole response for one member of another type, though nobody may read that member.
"""

from __future__ import annotations

from typing import Any

from cara.gemini.json_objects import LARGEST_INTEGER

_COUNTS = (
    "promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount",
    "cachedContentTokenCount", "toolUsePromptTokenCount",
)  # fmt: skip
_MOST_DIGITS = 19


def known_members(data: dict[str, Any]) -> dict[str, Any]:
    """Returns what Cara reads of a response; all else is dropped, and so is what has another type."""
    candidate = _candidate(data.get("candidates"))
    known = {
        "candidates": None if candidate is None else [candidate],
        "promptFeedback": _feedback(data.get("promptFeedback")),
        "usageMetadata": _usage(data.get("usageMetadata")),
        "modelVersion": _text(data.get("modelVersion")),
        "responseId": _text(data.get("responseId")),
    }
    return _present(known)


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _candidate(value: Any) -> dict[str, Any] | None:
    """Returns the candidate of index 0, else the first with content, else the first."""
    candidates = _dicts(value)
    if not candidates:
        return None
    numbered = [one for one in candidates if str(one.get("index")) == "0"]
    filled = [one for one in candidates if one.get("content")]
    chosen = (numbered or filled or candidates)[0]
    return _present(
        {
            "content": _content(chosen.get("content")),
            "finishReason": _text(chosen.get("finishReason")),
            "safetyRatings": _ratings(chosen.get("safetyRatings")),
        }
    )


def _content(content: Any) -> dict[str, Any] | None:
    """Returns the content; text may stand in place of it, of its parts or of a part."""
    parts = content.get("parts") if isinstance(content, dict) else content
    items = parts if isinstance(parts, list) else [parts]
    read = [_part(item) for item in items if isinstance(item, dict | str)]
    return {"parts": read} if read else None


def _part(part: dict[str, Any] | str) -> dict[str, Any]:
    """Returns a part, which is empty if it holds something else than text: it is an answer all the same."""
    if isinstance(part, str):
        return {"text": part}
    text = part.get("text")
    thought = part.get("thought") in (True, "true")
    return _present({"text": text if isinstance(text, str) else None, "thought": thought or None})


def _feedback(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    members = {
        "blockReason": _text(value.get("blockReason")),
        "safetyRatings": _ratings(value.get("safetyRatings")),
    }
    return _present(members) or None


def _ratings(value: Any) -> list[dict[str, Any]] | None:
    ratings = []
    for rating in _dicts(value):
        category, blocked = _text(rating.get("category")), rating.get("blocked")
        if category is not None:
            members = {"category": category, "probability": _text(rating.get("probability"))}
            ratings.append(_present({**members, "blocked": blocked if isinstance(blocked, bool) else None}))
    return ratings or None


def _usage(value: Any) -> dict[str, int] | None:
    if not isinstance(value, dict):
        return None
    return _present({name: _count(value.get(name)) for name in _COUNTS}) or None


def _count(value: Any) -> int | None:
    """Returns a count; a number with no fraction and a string of digits are read as one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
