"""Stage marks: what a transcript tells of sounds and silence, `[Music]` or `(laughs)`, which nobody says."""

from __future__ import annotations

import re
from typing import Final

_IN_ROUND_BRACKETS: Final = (
    "pause|silence|beat|breath|break|laugh|chuckle|giggle|sigh|cough|applause|clap|cheer|music|noise|inaudible|"
    "unintelligible|unclear|crosstalk|cross-talk|whisper|cry|sob|sniff|gasp|smile|nod|clears|"
    "long pause|short pause"
)

STAGE_MARK: Final = re.compile(
    r"\[[ \t]{0,3}([^\[\]\n]{1,60})\]"
    rf"|\([ \t]{{0,3}}((?:{_IN_ROUND_BRACKETS})[^()\n]{{0,40}})\)"
    r"|(♪)[^♪\n]{0,200}♪",
    re.IGNORECASE,
)
"""Anything of up to 60 characters in square brackets; the usual words alone in round ones, since people put
asides there; and what is sung between two notes. The one group that matched is its name."""


def is_stage_mark(text: str) -> bool:
    """Returns whether a text is nothing but stage marks."""
    return text.lstrip()[:1] in ("[", "(", "♪") and not STAGE_MARK.sub("", text).strip(" \t\n.,♪")
