"""Regular expressions with possessive groups, which Python matches wrongly before 3.11.5 (cpython#106052)."""

from __future__ import annotations

import re
import sys

_POSSESSIVE_GROUP = re.compile(r"(\)(?:[?*+]|\{[0-9,]+\}))\+")
MATCHES_POSSESSIVE_GROUPS = sys.version_info >= (3, 11, 5)


def compiled(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Returns the pattern, with groups that give back where Python can't match others: slower, and right."""
    return re.compile(pattern if MATCHES_POSSESSIVE_GROUPS else giving_back(pattern), flags)


def giving_back(pattern: str) -> str:
    """Returns the pattern with greedy groups in place of possessive ones."""
    return _POSSESSIVE_GROUP.sub(r"\1", pattern)
