"""The instructions to the judge, in files that people can read; `VERSION` names this edition of them.

`judge.md` is the brief and holds for every call. To it comes the rubric of the kind of practice.
"""

from __future__ import annotations

from functools import cache

from cara.gemini.prompts import read_instruction

VERSION = "feedback-6"


@cache
def instruction_for(feature_type: str) -> str:
    """Returns the system instruction for a kind of practice."""
    return read_instruction(__name__, "judge", feature_type)
