"""What prompts are made of: instruction texts, and delimiters around people's words."""

from __future__ import annotations

import re
from importlib.resources import files


def read_instruction(package: str, *names: str) -> str:
    """Returns the texts `<name>.md` of a package, one after the other: a system instruction."""
    folder = files(package)
    return "\n".join(folder.joinpath(f"{name}.md").read_text(encoding="utf-8") for name in names)


class PromptDelimiters:
    """Pairs of tags with these names around what people said: data to Gemini, never an instruction.

    Nothing between the tags can end, begin or imitate one. With a `mark` that nobody can guess, nothing that
    was written before the call can.
    """

    def __init__(self, *names: str) -> None:
        self._tag = re.compile(rf"<(?=[\s/]*+(?:{'|'.join(names)}))", re.IGNORECASE)

    def escape(self, text: str) -> str:
        """Returns the text as people read it, each tag in it broken by a space of no width."""
        return self._tag.sub("<\u200b", text)

    def wrap(self, name: str, text: str, mark: str = "") -> str:
        """Returns the escaped text on lines of its own between a pair of tags that carry the mark."""
        tag = f"{name}-{mark}" if mark else name
        return f"<{tag}>\n{self.escape(text)}\n</{tag}>"
