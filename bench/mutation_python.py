"""Mutants of a Python module: each is one edit of its source, in code or in a SQL statement.

Left out beforehand, because no rule stands in them: log records, messages and descriptions (of errors and of
OpenAPI), annotations and docstrings, assertions, keys of subscripts, names of tasks, the options of
dataclasses, `functools.wraps`, `strict` of zip, and how PostgreSQL commits (`synchronous_commit`), which only
a crash of the server shows. Times are compared with `now()` the other way round, never by one instant more.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from bench.mutation_sql import IS_SQL, sql_edits


@dataclass(frozen=True)
class Mutant:
    """An edit of a module: what it does, and the lines of the function or constant that it changes."""

    path: str
    start: int
    end: int
    new: str
    what: str
    line: int
    scope: str
    lines: tuple[int, int]

    def source(self) -> str:
        text = Path(self.path).read_text()
        return text[: self.start] + self.new + text[self.end :]


_OPERATORS = {
    **{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    **{"is": "is not", "is not": "is", "in": "not in", "not in": "in", "and": "or", "or": "and"},
    **{"+": "-", "-": "+", "*": "/", "/": "*", "//": "*", "**": "*"},
}
_OPERATOR = re.compile(r"is\s+not\b|not\s+in\b|\bis\b|\bin\b|\band\b|\bor\b|<=|>=|==|!=|\*\*|//|[-<>+*/]")
_KEPT_DECORATORS = set(
    "dataclass property classmethod contextmanager asynccontextmanager functools.wraps".split()
)
_TEXTS = {"_member", "_refusal", "Route", "TypeVar", "ParamSpec"}
_TEXT_NAMES = {"detail", "description", "anew", "name"}


class _Mutator(ast.NodeVisitor):
    def __init__(self, path: str) -> None:
        self.path = path
        self.text = Path(path).read_text()
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line.encode()))
        self.starts, self.bytes = starts, self.text.encode()
        self.mutants: list[Mutant] = []
        self.scopes: list[tuple[str, tuple[int, int]]] = []

    def at(self, line: int, column: int) -> int:
        return len(self.bytes[: self.starts[line - 1] + column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def add(self, start: int, end: int, new: str, what: str) -> None:
        line = self.text.count("\n", 0, start) + 1
        scope, lines = self.scopes[-1]
        self.mutants.append(Mutant(self.path, start, end, new, what, line, scope, lines))

    def replace(self, node: ast.expr | ast.stmt, new: str) -> None:
        old = " ".join(ast.unparse(node).split())
        self.add(*self.span(node), new, f"{old[:60]} → {new[:60]}")

    # What is left out

    def visit_Assert(self, node: ast.Assert) -> None: ...
    def visit_Import(self, node: ast.Import) -> None: ...
    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...
    def visit_arg(self, node: ast.arg) -> None: ...

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self.sql(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.assigned(node, node.target, node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)

    # Where a mutant stands

    def visit_Module(self, node: ast.Module) -> None:
        for statement in node.body:
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            names = [n.id for t in targets if t for n in ast.walk(t) if isinstance(n, ast.Name)]
            self.inside(" ".join(names), statement, [statement])

    def inside(self, name: str, node: ast.stmt, body: list[ast.stmt]) -> None:
        assert node.end_lineno
        self.scopes.append((name, (node.lineno, node.end_lineno)))
        for statement in body:
            self.visit(statement)
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.inside(node.name, node, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scopes.append((node.name, (node.body[0].lineno, node.end_lineno or 0)))
        for decorator in node.decorator_list:
            if ast.unparse(decorator).split("(")[0] not in _KEPT_DECORATORS:
                start, end = self.span(decorator)
                self.add(start - 1, end, "", f"@{ast.unparse(decorator)} → nothing")
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self.scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    # Statements

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call) and not ast.unparse(value.func).startswith("logger."):
            if not ast.unparse(value.func).startswith("super()."):
                self.replace(node, "pass")
            self.visit(value)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.assigned(node, node.targets[0], node.value)

    def assigned(self, node: ast.stmt, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name) and target.id in _TEXT_NAMES:
            return
        if isinstance(target, ast.Attribute | ast.Subscript):
            self.replace(node, "pass")
        self.visit(value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.replace(node, "pass")

    def visit_Raise(self, node: ast.Raise) -> None:
        self.replace(node, "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self.replace(node, "pass")

    def visit_Delete(self, node: ast.Delete) -> None:
        self.replace(node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self.replace(node, "pass")
        elif not (isinstance(node.value, ast.Constant) and node.value.value is None):
            start, _ = self.span(node)
            if not isinstance(node.value, ast.Constant):
                self.add(start, self.span(node)[1], "return None", f"{ast.unparse(node)[:60]} → return None")
            self.visit(node.value)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if isinstance(node.type, ast.Tuple):
            for left_out in node.type.elts:
                kept = ", ".join(ast.unparse(kind) for kind in node.type.elts if kind is not left_out)
                self.replace(node.type, f"({kept},)")
        for statement in node.body:
            self.visit(statement)

    def visit_If(self, node: ast.If | ast.While | ast.IfExp) -> None:
        if isinstance(node.test, ast.Name | ast.Attribute | ast.Call | ast.Await | ast.NamedExpr):
            self.replace(node.test, f"not ({ast.get_source_segment(self.text, node.test)})")
        self.generic_visit(node)

    visit_IfExp = visit_While = visit_If  # noqa: N815

    # Expressions

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name in _TEXTS or name.startswith(("logger.", "super().")):
            return
        if name in ("max", "min"):
            self.replace(node.func, "min" if name == "max" else "max")
        self.visit(node.func)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in ("name", "strict"):
                self.visit(keyword.value)

    def operator(self, left: ast.expr, right: ast.expr) -> None:
        start, end = self.span(left)[1], self.span(right)[0]
        if match := _OPERATOR.search(self.text, start, end):
            new = _OPERATORS[" ".join(match[0].split())]
            around = " ".join(self.text[start - 25 : end + 25].split())
            self.add(*match.span(), new, f"{match[0]} → {new} in {around}")

    def visit_Compare(self, node: ast.Compare) -> None:
        self.operator(node.left, node.comparators[0])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not isinstance(node.op, ast.BitOr):
            self.operator(node.left, node.right)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.operator(left, right)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.replace(node, f"bool({ast.get_source_segment(self.text, node.operand)})")
        self.visit(node.operand)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self.replace(node, str(not node.value))
        elif isinstance(node.value, int | float):
            self.replace(node, repr(node.value + 1))
        elif isinstance(node.value, str) and IS_SQL.match(node.value):
            self.sql(node)
        elif isinstance(node.value, str) and node.value and " " not in node.value:
            self.replace(node, repr("mutated"))

    def sql(self, node: ast.Constant | ast.JoinedStr) -> None:
        start, end = self.span(node)
        quoted = self.text[start:end]
        prefix = re.match(r'f?("""|")', quoted)
        if prefix and IS_SQL.match(quoted[prefix.end() :]):
            base = start + prefix.end()
            for first, last, new, what in sql_edits(quoted[prefix.end() : -len(prefix[1])]):
                self.add(base + first, base + last, new, f"SQL: {what}")


def mutants_of(path: str) -> list[Mutant]:
    """Returns all mutants of a module, each once."""
    mutator = _Mutator(path)
    mutator.visit(ast.parse(mutator.text))
    unique = {(m.start, m.end, m.new): m for m in mutator.mutants}
    return list(unique.values())
