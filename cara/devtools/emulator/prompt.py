"""Reads a request as google-genai sends it: which text is the learner's, and what answer is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cara.devtools.emulator.facts import Facts, facts_in
from cara.devtools.emulator.tokens import count_parts, count_schema

TRANSCRIPT = re.compile(r"(?is)<transcript(?:\s[^>]*)?>[ \t]*\n(.*)\n[ \t]*</transcript>")
FENCE = re.compile(r"<([A-Za-z][\w-]*)(?:\s[^>]*)?>[ \t]*\n(.*?)\n[ \t]*</\1>", re.DOTALL)


class UnreadableRequest(Exception):
    """The body is none that Gemini would take; the message says why."""


@dataclass(frozen=True)
class Prompt:
    """What a request asks for. `transcript` is the fenced talk, or else the last thing that the user said;
    `facts` are the measures that come with it."""

    transcript: str
    facts: Facts
    message: str
    turns: int
    tokens: int
    wants_json: bool
    schema: dict[str, Any] | None
    max_output_tokens: int | None


def read_prompt(body: Any) -> Prompt:
    """The prompt in a body of generateContent or countTokens.

    Raises:
        UnreadableRequest: the body lacks what Gemini insists on.
    """
    if not isinstance(body, dict) or not isinstance(body.get("contents"), list) or not body["contents"]:
        raise UnreadableRequest("* GenerateContentRequest.contents: contents is not specified")
    users = [_text(content) for content in body["contents"] if content.get("role", "user") == "user"]
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    limit = config.get("maxOutputTokens")
    return Prompt(
        transcript=_transcript(users),
        facts=facts_in(users[-1] if users else ""),
        message=_message(users),
        turns=len(body["contents"]),
        tokens=count_parts(_texts(body)) + count_schema(schema),
        wants_json=schema is not None or config.get("responseMimeType") == "application/json",
        schema=schema,
        max_output_tokens=int(limit) if limit is not None else None,
    )


def _texts(body: dict[str, Any]) -> Iterator[str]:
    contents = [body["systemInstruction"]] if body.get("systemInstruction") else []
    for content in contents + body["contents"]:
        for part in content.get("parts") or []:
            yield part.get("text") or ""


def _text(content: dict[str, Any]) -> str:
    return "\n".join(part.get("text") or "" for part in content.get("parts") or [])


def _transcript(users: list[str]) -> str:
    for text in reversed(users):
        if fenced := TRANSCRIPT.search(text):
            return fenced[1].strip()
    return _message(users)


def _message(users: list[str]) -> str:
    last = users[-1] if users else ""
    fenced = [match[2].strip() for match in FENCE.finditer(last)]
    return fenced[-1] if fenced else last.strip()
