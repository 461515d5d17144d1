"""Every SQL statement of the application, found in its source: no list that could forget one."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SENDS = frozenset(
    {"fetch", "fetchrow", "fetchval", "fetchmany", "execute", "executemany", "cursor", "prepare"}
    | {"copy_from_query"}
)
"""The methods of asyncpg that take a statement, as their first argument."""

PASSES_ON = {"one_row": 1}
"""Functions of ours that pass a statement on, and which of their arguments it is."""

OTHERS = frozenset({"pipeline", "response", "self.response", "request"})
"""What has methods of these names and speaks to Redis, or to a browser."""

OUT_OF_SCOPE = frozenset({"devtools", "migrations", "migration_backend"})
"""What is for a developer's machine, and what runs before there are tables."""


@dataclass(frozen=True)
class Call:
    """A call that sends a statement; None is one that only its run can tell."""

    caller: str
    statement: str | None


def calls_of(root: Path, *packages: str) -> list[Call]:
    """Returns the calls in all modules of the packages, which stand in the root."""
    paths = [path for package in packages for path in sorted((root / package).rglob("*.py"))]
    found: list[Call] = []
    for path in paths:
        parts = path.relative_to(root).with_suffix("").parts
        if not OUT_OF_SCOPE.intersection(parts):
            found += calls_in(path.read_text(), ".".join(parts))
    return found


def calls_in(source: str, module: str) -> list[Call]:
    """Returns the calls in the source of a module, which is imported if it has any."""
    sending = list(_sending(ast.parse(source), module))
    names = vars(importlib.import_module(module)) if sending else {}
    values = ((caller, _value(sent, names)) for caller, sent in sending)
    # A cursor fetches a number of rows.
    return [Call(caller, value) for caller, value in values if value is None or isinstance(value, str)]


def _sending(node: ast.AST, caller: str) -> Iterator[tuple[str, ast.expr]]:
    for child in ast.iter_child_nodes(node):
        inside = caller
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{caller}.{child.name}"
        if isinstance(child, ast.Call) and (sent := _sent(child)):
            yield caller, sent
        yield from _sending(child, inside)


def _sent(call: ast.Call) -> ast.expr | None:
    """Returns the argument that is a statement; None if the call sends none."""
    match call.func:
        case ast.Attribute(value=receiver, attr=method) if method in SENDS:
            place = None if ast.unparse(receiver) in OTHERS else 0
        case ast.Name(id=name) | ast.Attribute(attr=name):
            place = PASSES_ON.get(name)
        case _:
            place = None
    return call.args[place] if place is not None and len(call.args) > place else None


def _value(expression: ast.expr, names: dict[str, Any]) -> Any:
    """Returns what the expression is at the top level of its module; None if it needs local names."""
    try:
        return eval(compile(ast.Expression(expression), "<statement>", "eval"), dict(names))
    except NameError:
        return None
