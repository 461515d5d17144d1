"""Mutants of SQL statements: each is one edit of the statement's text."""

from __future__ import annotations

import re
from collections.abc import Iterator

Edit = tuple[int, int, str, str]
"""Start and end in the statement, the text to put there, and what the edit does."""

IS_SQL = re.compile(r"\s*(with|select|insert|update|delete)\s", re.IGNORECASE)

_OPPOSITES = [
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"\bleast\(", "greatest("),
    (r"\bgreatest\(", "least("),
    (r"\bsum\(", "max("),
    (r"\bis not null\b", "is null"),
    (r"\bis null\b", "is not null"),
    (r"\bnot (?=exists|\$|cancel_requested)", ""),
    (r" desc\b", ""),
    (r"\bleft join\b", "join"),
    (r" skip locked\b", ""),
    (r"\bfor update( of \w+)?( skip locked)?", ""),
    (r"\bon conflict \([^)]*\) do nothing", ""),
    (r"\blimit \S+", ""),
    (r"\border by [^\n]*", ""),
    (r"\binterval '1 second'", "interval '100 seconds'"),
    (r"\binterval '2 hours'", "interval '0 hours'"),
    (r"(?<=\s)and(?=\s)", "or"),
    (r"(?<=\s)or(?=\s)", "and"),
]
_COMPARISON = re.compile(r"(?<=\s)(<=|>=|<>|<|>|=)(?=\s)")
_COMPARED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": "<>", "<>": "="}
_COMPARED_WITH_NOW = {"<": ">", "<=": ">", ">": "<", ">=": "<"}
_LITERAL = re.compile(r"(?<!interval )'([a-z_]+)'")
_NUMBER = re.compile(r"(?<![\w$.'])\d+\b")
_END_OF_CONDITION = re.compile(
    r"\b(and|or|returning|limit|order by|group by|for update|on conflict|then|else|where|select)\b"
)
_END_OF_ASSIGNMENTS = re.compile(r"\b(where|from|returning)\b")
_ASSIGNMENT = re.compile(r"\s*(\w+) = ")


def sql_edits(statement: str) -> Iterator[Edit]:
    """Yields the mutants of a statement. How it is committed (`synchronous_commit`) is left alone."""
    settings = [match.span() for match in re.finditer(r"set_config\([^()]*(\([^()]*\)[^()]*)*\)", statement)]
    assignments = list(_clauses_of_assignments(statement))
    for edit in (*_opposites(statement), *_comparisons(statement, assignments), *_literals(statement)):
        if not any(start <= edit[0] < end for start, end in settings):
            yield edit
    yield from _dropped_conditions(statement)
    for start, end in assignments:
        yield from _dropped_assignments(statement, start, end)


def _opposites(statement: str) -> Iterator[Edit]:
    for pattern, new in _OPPOSITES:
        for match in re.finditer(pattern, statement):
            yield *match.span(), new, f"{match[0].strip()} → {new.strip() or 'nothing'}"


def _comparisons(statement: str, assignments: list[tuple[int, int]]) -> Iterator[Edit]:
    """Yields compared values; those with now() are turned round, because no two instants are equal."""
    for match in _COMPARISON.finditer(statement):
        if match[1] == "=" and any(start <= match.start() < end for start, end in assignments):
            continue
        now = statement[match.end() :].lstrip().startswith("now()")
        new = (_COMPARED_WITH_NOW if now else _COMPARED)[match[1]] if match[1] in _COMPARED_WITH_NOW else None
        new = new or _COMPARED[match[1]]
        yield *match.span(), new, f"{match[1]} → {new}"


def _literals(statement: str) -> Iterator[Edit]:
    for match in _LITERAL.finditer(statement):
        yield *match.span(1), "mutated", f"{match[0]} → 'mutated'"
    for match in _NUMBER.finditer(statement):
        yield *match.span(), str(int(match[0]) + 1), f"{match[0]} → {int(match[0]) + 1}"


def _dropped_conditions(statement: str) -> Iterator[Edit]:
    for match in re.finditer(r"\b(where|and|or)\s+", statement):
        end = _end(statement, match.end(), _END_OF_CONDITION)
        dropped = " ".join(statement[match.end() : end].split())
        if match[1] != "where":
            yield match.start(), end, "", f"{match[1]} {dropped} → nothing"
        else:
            yield match.end(), end, "true ", f"where {dropped} → true"


def _clauses_of_assignments(statement: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"\bset\s", statement):
        yield match.end(), _end(statement, match.end(), _END_OF_ASSIGNMENTS)


def _dropped_assignments(statement: str, start: int, end: int) -> Iterator[Edit]:
    """Yields the clause without each of its assignments, unless there is only one."""
    parts, depth, last = [], 0, start
    for at in range(start, end):
        depth += {"(": 1, ")": -1}.get(statement[at], 0)
        if statement[at] == "," and not depth:
            parts.append((last, at))
            last = at + 1
    parts.append((last, end))
    for at, (first, final) in enumerate(parts):
        column = _ASSIGNMENT.match(statement, first)
        if len(parts) > 1 and column:
            # The comma after the first one goes with it, and that before each of the others.
            span = (first, parts[1][0]) if at == 0 else (first - 1, final)
            yield *span, " ", f"set {column[1]} → nothing"


def _end(statement: str, start: int, ending: re.Pattern[str]) -> int:
    """Returns where what begins at `start` ends: at one of the words, or the bracket around it."""
    depth = 0
    for at in range(start, len(statement)):
        if statement[at] == "(":
            depth += 1
        elif statement[at] == ")":
            depth -= 1
            if depth < 0:
                return at
        elif not depth and at > start and ending.match(statement, at) and not statement[at - 1].isalnum():
            return at
    return len(statement)
