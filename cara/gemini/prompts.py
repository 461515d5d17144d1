"""What prompts are made of: instruction texts, delimiters around people's words, estimates of tokens."""

from __future__ import annotations

import json
import re
import string
from importlib.resources import files

from cara.gemini.calls import GeminiCall

TURN_TOKENS = 8
"""What the frame of a turn can cost beside its text."""

_LETTERS = (string.ascii_letters + " ").encode()


def read_instruction(package: str, *names: str) -> str:
    """Returns the texts `<name>.md` of a package, one after the other: a system instruction."""
    folder = files(package)
    return "\n".join(folder.joinpath(f"{name}.md").read_text(encoding="utf-8") for name in names)


class PromptDelimiters:
    """Pairs of tags with these names around what people said: data to Gemini, never an instruction.

    Nothing between the tags can end, begin or imitate one.
    """

    def __init__(self, *names: str) -> None:
        self._tag = re.compile(rf"<(?=[\s/]*+(?:{'|'.join(names)}))", re.IGNORECASE)

    def escape(self, text: str) -> str:
        """Returns the text as people read it, each tag in it broken by a space of no width."""
        return self._tag.sub("<\u200b", text)

    def wrap(self, name: str, text: str) -> str:
        """Returns the escaped text on lines of its own between a pair of tags."""
        return f"<{name}>\n{self.escape(text)}\n</{name}>"


def upper_estimate(*texts: str) -> int:
    """Returns more tokens than Gemini will count for the texts, if they are words.

    For reservations, which Gemini's own count replaces after the call. `countTokens` would be exact, but is
    another round trip before every first word, and another thing that can fail.

    English letters and spaces come to about four a token and are counted as two; digits and signs can be a
    token each; other scripts are counted by their UTF-8 bytes, which bound a byte-fallback tokenizer.
    """
    letters = others = 0
    for text in texts:
        encoded = text.encode("utf-8", "replace")
        signs = len(encoded.translate(None, _LETTERS))
        letters += len(encoded) - signs
        others += signs
    return letters // 2 + others + 1


def upper_estimate_of_prompt(call: GeminiCall) -> int:
    """Returns the same for all that is sent in a call; its answer costs `max_output_tokens` at most."""
    texts = [part["text"] for turn in call.contents for part in turn["parts"]]
    if call.response_schema is not None:
        texts.append(json.dumps(call.response_schema, separators=(",", ":")))
    frames = TURN_TOKENS * (len(call.contents) + 1)
    return upper_estimate(call.system_instruction, *texts) + frames
