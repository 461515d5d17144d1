"""The instructions to the coach, in files that people can read; `VERSION` names this edition of them.

`coach.md` holds for every call. To it comes one file for the kind of practice (or `general.md`), which states
its purpose, its tone, and what it refuses.
"""

from __future__ import annotations

from functools import cache

from cara.gemini.prompts import read_instruction

VERSION = "coach-1"


@cache
def instruction_for(feature_type: str | None) -> str:
    """Returns the system instruction for a kind of practice, or for none in particular."""
    return read_instruction(__name__, "coach", feature_type or "general")
