"""Reads a request as google-genai sends it: the transcript, its measures, and the answer that is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cara.devtools.emulator.tokens import count_parts, count_schema

TRANSCRIPT = re.compile(r"(?is)<(transcript[\w-]*)(?:\s[^>]*)?>[ \t]*\n(.*)\n[ \t]*</\1>")
GOAL = re.compile(r"(?s)<(goal[\w-]*)>\n(.*?)\n</\1>")
DELIMITED = re.compile(r"<([A-Za-z][\w-]*)(?:\s[^>]*)?>[ \t]*\n(.*?)\n[ \t]*</\1>", re.DOTALL)


class UnreadableRequest(Exception):
    """A body that Gemini would refuse; the message says why."""


@dataclass(frozen=True)
class Facts:
    """The measures in a prompt, if it has any. The emulator states no other numbers about a transcript."""

    members: dict[str, Any] = field(default_factory=dict)

    def number(self, *path: str) -> float | None:
        """Returns the number at a path such as `fillers`, `count`; None if there is none."""
        value = self._at(path)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def rate(self, measure: str) -> float:
        """Returns the number of a measure in a hundred words; 0 if it was not counted."""
        return self.number(measure, "perHundredWords") or 0.0

    def counts(self, *path: str) -> dict[str, int] | None:
        """Returns how often each phrase was counted; None if they were not counted."""
        value = self._at(path)
        return value if isinstance(value, dict) else None

    @property
    def english(self) -> bool:
        """Whether English phrases can be looked for: unless the measures name another language."""
        return bool(self.members.get("language", "en") == "en")

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self.members
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


@dataclass(frozen=True)
class Prompt:
    """What a request asks for.

    `transcript` is the delimited transcript, or else the last message of the user; `turns` is the number of
    contents; `thinking_level` is in lower case, None if the request leaves it to the model. `focus` is what
    the learner wants to work on.
    """

    transcript: str
    facts: Facts
    message: str
    turns: int
    tokens: int
    wants_json: bool
    schema: dict[str, Any] | None
    max_output_tokens: int | None
    thinking_level: str | None = None
    focus: tuple[str, ...] = ()


def read_prompt(body: Any) -> Prompt:
    """Returns the prompt in a body of generateContent or countTokens.

    Raises:
        UnreadableRequest: the body lacks required members.
    """
    if not isinstance(body, dict) or not isinstance(body.get("contents"), list) or not body["contents"]:
        raise UnreadableRequest("* GenerateContentRequest.contents: contents is not specified")
    users = [_text(content) for content in body["contents"] if content.get("role", "user") == "user"]
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    limit = config.get("maxOutputTokens")
    return Prompt(
        transcript=_transcript(users),
        facts=read_facts(users[-1] if users else ""),
        message=_message(users),
        turns=len(body["contents"]),
        tokens=count_parts(_texts(body)) + count_schema(schema),
        wants_json=schema is not None or config.get("responseMimeType") == "application/json",
        schema=schema,
        max_output_tokens=int(limit) if limit is not None else None,
        thinking_level=_thinking_level(config),
        focus=_focus(users[-1] if users else ""),
    )


def read_facts(text: str) -> Facts:
    """Returns the first line of JSON before any delimiter; delimited text is what somebody said."""
    for line in text.splitlines():
        if line.startswith("<"):
            break
        if line.startswith("{"):
            try:
                members = json.loads(line)
            except ValueError:
                break
            return Facts(members)
    return Facts()


def _focus(text: str) -> tuple[str, ...]:
    """Returns the focus of the goal that stands before all that was said."""
    goal = GOAL.search(text.partition("<transcript")[0])
    try:
        return tuple(json.loads(goal[2]).get("focus", ())) if goal else ()
    except ValueError:
        return ()


def _thinking_level(config: dict[str, Any]) -> str | None:
    """Returns the level; the SDK writes this key in snake case."""
    thinking = config.get("thinkingConfig") or {}
    level = thinking.get("thinkingLevel") or thinking.get("thinking_level")
    return str(level).lower() if level else None


def _texts(body: dict[str, Any]) -> Iterator[str]:
    contents = [body["systemInstruction"]] if body.get("systemInstruction") else []
    for content in contents + body["contents"]:
        for part in content.get("parts") or []:
            yield part.get("text") or ""


def _text(content: dict[str, Any]) -> str:
    return "\n".join(part.get("text") or "" for part in content.get("parts") or [])


def _transcript(users: list[str]) -> str:
    for text in reversed(users):
        if delimited := TRANSCRIPT.search(text):
            return delimited[2].strip()
    return _message(users)


def _message(users: list[str]) -> str:
    last = users[-1] if users else ""
    delimited = [match[2].strip() for match in DELIMITED.finditer(last)]
    return delimited[-1] if delimited else last.strip()
