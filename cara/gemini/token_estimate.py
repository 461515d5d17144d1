"""An upper estimate of tokens, for reservations: never sent anywhere, replaced by Gemini's own count.

Gemini would count for us (`countTokens`), but that is another round trip before every first word, and
another thing that can fail. What is estimated too much is given back as soon as the call has ended.
"""

from __future__ import annotations

import json
import string

from cara.gemini.calls import GeminiCall

TURN_TOKENS = 8
"""What the frame of a turn can cost beside its text."""

_LETTERS = (string.ascii_letters + " ").encode()


def upper_estimate(*texts: str) -> int:
    """More tokens than Gemini will count for the texts, if they are words.

    English letters and spaces come to about four a token and are counted as two; digits and signs can be a
    token each; other scripts are counted by their UTF-8 bytes, which bound a byte-fallback tokeniser.
    """
    letters = others = 0
    for text in texts:
        encoded = text.encode("utf-8", "replace")
        signs = len(encoded.translate(None, _LETTERS))
        letters += len(encoded) - signs
        others += signs
    return letters // 2 + others + 1


def upper_estimate_of_prompt(call: GeminiCall) -> int:
    """The same for all that is sent in a call; what is answered comes to `max_output_tokens` at most."""
    texts = [part["text"] for turn in call.contents for part in turn["parts"]]
    if call.response_schema is not None:
        texts.append(json.dumps(call.response_schema, separators=(",", ":")))
    frames = TURN_TOKENS * (len(call.contents) + 1)
    return upper_estimate(call.system_instruction, *texts) + frames
