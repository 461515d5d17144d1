"""Texts that JSON writes in parts: messages of chats and of models, and captions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cara.transcripts.json_names import names_in
from cara.transcripts.located_json import Members, first, mapped_of, text_of
from cara.transcripts.mapped_text import MappedText

_NAMES: Final = ("text", "utf8", "transcript", "content", "parts")
_BLOCKS: Final = {"text", "inputtext", "outputtext", "input_text", "output_text", "input_audio", "audio"}
"""Kinds of parts that are texts of their own: others go on where the part before them ends."""
_ENDS: Final = ".,!?;:…"


def written_in(value: object) -> MappedText | None:
    """Returns the text that a value is, or the parts of one in an array or an object; None if it is none.

    Parts without a text, such as pictures, are left out, and thoughts of a model.
    """
    if isinstance(value, str):
        return mapped_of(value)
    if isinstance(value, dict):
        return None if names_in(value).speakers else mapped_of(_text_in(value)) or _joined(value.get("parts"))
    return _joined(value)


def _joined(value: object) -> MappedText | None:
    parts = list(_spaced(value)) if isinstance(value, list) else []
    return MappedText.joined(parts) if parts else None


def _spaced(parts: list[Any]) -> Iterator[MappedText]:
    before: MappedText | None = None
    for part in parts:
        text = mapped_of(_text_in(part) if isinstance(part, dict) else part)
        if text is None or not text.text:
            continue
        if before and isinstance(part, dict) and _are_apart(before.text, text.text, part):
            yield MappedText(" ", [before.offsets[-1]] * 2)
        yield text
        before = text


def _text_in(part: Members) -> Any:
    return None if part.get("thought") is True or names_in(part).speakers else first(part, _NAMES)


def _are_apart(before: str, text: str, part: Members) -> bool:
    if before[-1].isspace() or text[0].isspace() or not text[0].isalnum():
        return False
    return before[-1] in _ENDS or text_of(part.get("type")) in _BLOCKS
