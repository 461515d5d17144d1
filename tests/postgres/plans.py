"""Plans of PostgreSQL, and what in them takes longer the more rows a table has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

SMALL = frozenset(
    {"rollup_limits", "_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"}
    | {"feature_days", "next_activity_days", "cohort_weeks"}  # a few rows a day, however many learners
)
"""Tables that do not grow, or hardly."""

FEW_ROWS = 1_000
"""A partition with fewer is as good as empty: that of next month."""

_TABLES = """
    select relname, coalesce(inhparent::regclass::text, relname), reltuples
    from pg_class
    left join pg_inherits on inhrelid = pg_class.oid
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
"""
_INDEXES = """
    select indexrelid::regclass::text, pg_get_indexdef(indexrelid, 1, true), indpred is not null
    from pg_index
"""


PASS_THROUGH = frozenset({"LockRows", "Merge Append", "Append", "Subquery Scan"})
"""Below a limit these read no more rows than they hand on."""


@dataclass(frozen=True)
class Schema:
    """What one has to know of tables and indexes to read a plan."""

    tables: dict[str, str]
    """Of each table its name, of each partition the name of its table."""

    rows: dict[str, int]
    """Of each table, with those of its partitions, and of each partition."""

    leading: dict[str, str]
    """The first column of each index."""

    partial: frozenset[str]

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> Schema:
        tables = connection.execute(_TABLES).fetchall()
        indexes = connection.execute(_INDEXES).fetchall()
        rows: dict[str, int] = {}
        for name, table, count in tables:
            for each in {name, table}:
                rows[each] = rows.get(each, 0) + max(0, int(count))
        return cls(
            {name: table for name, table, _ in tables},
            rows,
            {name: column for name, column, _ in indexes},
            frozenset(name for name, _, is_partial in indexes if is_partial),
        )

    def grows(self, table: str) -> bool:
        return table in self.tables and self.tables[table] not in SMALL and self.rows[table] >= FEW_ROWS


def explain(connection: psycopg.Connection[Any], statement: str) -> dict[str, Any]:
    """Returns the plan that serves all values of its parameters."""
    cursor = connection.execute(f"explain (generic_plan, format json) {statement}".encode())
    row = cursor.fetchone()
    assert row is not None
    return dict(row[0][0]["Plan"])


def scans_of_all(plan: dict[str, Any], schema: Schema) -> list[str]:
    """Returns what in the plan reads a growing table, or an index of one, from end to end."""
    return list(_scans(plan, schema, limited=False))


def _scans(node: dict[str, Any], schema: Schema, *, limited: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    if kind == "Seq Scan" and schema.grows(table):
        yield f"Seq Scan on {table}: {node.get('Filter', 'all rows')}"
    if index := node.get("Index Name"):
        condition = node.get("Index Cond", "")
        wholly = schema.leading[index] not in condition and index not in schema.partial
        if wholly and not (limited and not condition and "Filter" not in node):
            yield f"{kind} of all of {index}: {condition or 'no condition'}"
    # What sorts or joins below a limit reads all that it is given.
    limited = kind == "Limit" or (limited and kind in PASS_THROUGH)
    for child in node.get("Plans", ()):
        yield from _scans(child, schema, limited=limited)


def plan_of_notice(message: str) -> tuple[str, dict[str, Any]] | None:
    """Returns the statement and the plan that auto_explain reports in a notice, which may be another one."""
    _, found, document = message.partition("plan:\n")
    if not found:
        return None
    reported = json.loads(document)
    return reported["Query Text"], reported["Plan"]
