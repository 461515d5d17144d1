"""Redacts errors and Sentry events: what is sent is rebuilt from an allow list, not searched for secrets.

Kept: types of errors, stack frames with their source lines but no variables, codes and names that errors
carry besides their message (SQL state, constraint, HTTP status), the location of a log call, the pattern of
the route, request and job ids. Dropped, since learners' texts and secrets occur there: messages of errors and
log lines, headers, cookies, bodies, query strings, paths, breadcrumbs, user, extras and the data of spans.
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
_MAX_CHAINED_ERRORS: Final = 20

SentryEvent = dict[str, Any]
SentryHint = Mapping[str, Any]


def is_expected(error: BaseException) -> bool:
    """Returns whether the error is ordinary: it is answered to the client, or a client or a task is gone."""
    if isinstance(error, web.HTTPException):
        return error.status < 500
    return isinstance(error, CaraError | asyncio.CancelledError | ConnectionResetError)


def redact_event(event: SentryEvent, hint: SentryHint, *, role: str) -> SentryEvent | None:
    """Returns the error or transaction, reduced to the allow list; None if the error is expected."""
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
        kept["logentry"] = {"message": _location(record)}
    return kept


def _only(values: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values} if values else {}


def _exceptions(values: Iterable[Mapping[str, Any]], error: BaseException | None) -> Iterator[dict[str, Any]]:
    descriptions = {type(each).__name__: redacted_description(each) for each in _chain(error)}
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
    """Yields the error, its causes and the members of groups; bounded, because chains can be circular."""
    pending = [error] if error else []
    for _ in range(_MAX_CHAINED_ERRORS):
        if not pending:
            return
        current = pending.pop(0)
        yield current
        pending += [cause for cause in (current.__cause__, current.__context__) if cause]
        pending += current.exceptions if isinstance(current, BaseExceptionGroup) else ()


def redacted_description(error: BaseException) -> str:
    """Returns a description of an error without its message.

    It holds the code, the SQL state, the constraint, the status, or the number of invalid fields.
    """
    if isinstance(error, CaraError):
        return error.code
    if isinstance(error, ValidationError):
        return f"{error.error_count()} errors in {error.title}"
    facts = {name: getattr(error, name, None) for name in _NUMBERS}
    facts = {name: value for name, value in facts.items() if isinstance(value, int)}
    if isinstance(error, PostgresError):
        facts |= {name: getattr(error, name, None) for name in _POSTGRES}
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None) or _WITHHELD


def _location(record: logging.LogRecord) -> str:
    """Returns logger, function and line of a log call.

    There is no template: some libraries format before they log.
    """
    return f"{record.name}: {record.funcName}, line {record.lineno}"
