"""What of an error may leave the house: rebuilt from what is known to be harmless, not searched for secrets.

Stays: types of errors, stack frames with their source lines but no variables, numbers and names that errors
carry besides their message (SQL state, constraint, HTTP status), the place of a log line, the pattern of the
route, request and job ids. Goes, because people's words and secrets turn up there: messages of errors and log
lines, headers, cookies, bodies, query strings, paths, breadcrumbs, user, extras and the data of spans.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from aiohttp import web
from asyncpg import PostgresError
from pydantic import ValidationError

from cara.errors import CaraError

_HEADER: Final = (
    "event_id timestamp start_timestamp type level logger platform release environment server_name sdk"
)
_EVENT: Final = (*_HEADER.split(" "), "transaction", "transaction_info")
_TAGS: Final = ("request_id", "job_id")
_TRACE: Final = ("trace_id", "span_id", "parent_span_id", "op", "status", "origin")
_SPAN: Final = (*_TRACE, "start_timestamp", "timestamp")
_RUNTIME: Final = ("name", "version")
_MECHANISM: Final = ("type", "handled", "exception_id", "parent_id", "is_exception_group", "source")
_SOURCE: Final = ("pre_context", "context_line", "post_context")
_FRAME: Final = ("filename", "abs_path", "function", "module", "lineno", "in_app", *_SOURCE)
_POSTGRES: Final = ("sqlstate", "schema_name", "table_name", "constraint_name")
_NUMBERS: Final = ("code", "status", "errno")
_WITHHELD: Final = "(message withheld)"
_LONGEST_CHAIN: Final = 20

Event = dict[str, Any]
Hint = Mapping[str, Any]


def is_expected(error: BaseException) -> bool:
    """Whether the error is ordinary: a caller is told of it, has left, or work was cancelled."""
    if isinstance(error, web.HTTPException):
        return error.status < 500
    return isinstance(error, CaraError | asyncio.CancelledError | ConnectionResetError)


def harmless_event(event: Event, hint: Hint, *, role: str) -> Event | None:
    """The event without anything that a person or a secret may have put into it; None for what is expected.

    Takes errors and transactions alike.
    """
    error = (hint.get("exc_info") or (None, None))[1]
    if error is not None and is_expected(error):
        return None
    kept = _only(event, _EVENT)
    kept["tags"] = {**_only(event.get("tags"), _TAGS), "role": role}
    contexts = event.get("contexts") or {}
    kept["contexts"] = {
        "runtime": _only(contexts.get("runtime"), _RUNTIME),
        "trace": _only(contexts.get("trace"), _TRACE),
    }
    if "spans" in event:
        kept["spans"] = [_only(span, _SPAN) for span in event["spans"]]
    if "exception" in event:
        kept["exception"] = {"values": list(_exceptions(event["exception"]["values"], error))}
    if record := hint.get("log_record"):
        kept["logentry"] = {"message": _place(record)}
    return kept


def _only(values: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values} if values else {}


def _exceptions(values: Iterable[Mapping[str, Any]], error: BaseException | None) -> Iterator[dict[str, Any]]:
    descriptions = {type(each).__name__: harmless_description(each) for each in _chain(error)}
    for value in values:
        yield {
            "type": value.get("type"),
            "module": value.get("module"),
            "value": descriptions.get(str(value.get("type")), _WITHHELD),
            "mechanism": _only(value.get("mechanism"), _MECHANISM),
            "stacktrace": {
                "frames": [_only(f, _FRAME) for f in (value.get("stacktrace") or {}).get("frames", [])]
            },
        }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and the members of groups; bounded, for chains can be circles."""
    waiting = [error] if error else []
    for _ in range(_LONGEST_CHAIN):
        if not waiting:
            return
        current = waiting.pop(0)
        yield current
        waiting += [cause for cause in (current.__cause__, current.__context__) if cause]
        waiting += current.exceptions if isinstance(current, BaseExceptionGroup) else ()


def harmless_description(error: BaseException) -> str:
    """What an error says beside its message: code, SQL state, constraint, status, number of wrong fields."""
    if isinstance(error, CaraError):
        return error.code
    if isinstance(error, ValidationError):
        return f"{error.error_count()} errors in {error.title}"
    facts = {name: getattr(error, name, None) for name in _NUMBERS}
    facts = {name: value for name, value in facts.items() if isinstance(value, int)}
    if isinstance(error, PostgresError):
        facts |= {name: getattr(error, name, None) for name in _POSTGRES}
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None) or _WITHHELD


def _place(record: logging.LogRecord) -> str:
    """Where the line was logged. Not even its template: some libraries log what they formatted before."""
    return f"{record.name}: {record.funcName}, line {record.lineno}"
