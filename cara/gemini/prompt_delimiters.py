"""PromptDelimiters around what people said: it is data to Gemini, never an instruction."""

from __future__ import annotations

import re


class PromptDelimiters:
    """Pairs of tags with these names, which nothing between them can end, begin or imitate."""

    def __init__(self, *names: str) -> None:
        self._mark = re.compile(rf"<(?=[\s/]*+(?:{'|'.join(names)}))", re.IGNORECASE)

    def escape(self, text: str) -> str:
        """The text as people read it, every mark of a fence broken by a space of no width."""
        return self._mark.sub("<\u200b", text)

    def wrap(self, name: str, text: str) -> str:
        """The text on lines of its own between the tags of a fence, harmless."""
        return f"<{name}>\n{self.escape(text)}\n</{name}>"
