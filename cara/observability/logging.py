"""Log lines of the processes, on standard error, with errors redacted.

An error is logged with its type, stack frames and codes, never with its message, which may quote a learner.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, TypeAlias

from cara.observability.redaction import redacted_description

_ErrorInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

MAX_CHAINED_ERRORS: Final = 20
_CAUSED: Final = "The above exception was the direct cause of the following exception:"
_CONTEXT: Final = "During handling of the above exception, another exception occurred:"
_WITHHELD: Final = "(withheld)"
_CALLBACK: Final = re.compile(r"^(Exception in callback) .*")


class RedactingFormatter(logging.Formatter):
    """Formats records without the messages of errors, in the arguments as well as in `exc_info`."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a copy, because another handler may have cached the error's full text in the record."""
        redacted = copy.copy(record)
        redacted.exc_text = None
        redacted.msg, redacted.args = _redact_errors(record.msg), _redact_errors(record.args)
        if record.name == "asyncio":
            redacted.msg, redacted.args = _redact_arguments(redacted), None
        return super().format(redacted)

    def formatException(self, ei: _ErrorInfo) -> str:
        """Returns frames and types as Python prints them, with a redacted description for each message."""
        return "\n".join(_traceback_lines(ei[1], ei[2], set())) if ei[1] else ""


class OncePerSecond:
    """Says yes once a second at most: for lines that clients could have written as often as they like."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 1.0
        return True


def set_up_logs(level: int = logging.INFO) -> None:
    """Sends log lines to standard error; the access log's JSON lines go to standard output unchanged."""
    redacting = logging.StreamHandler(sys.stderr)
    redacting.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[redacting])
    access = logging.getLogger("cara.access")
    access.propagate = False
    unchanged = logging.StreamHandler(sys.stdout)
    unchanged.setFormatter(logging.Formatter("%(message)s"))
    access.handlers = [unchanged]
    logging.raiseExceptions = False  # logging would print the arguments of a line that it cannot format
    for verbose in ("httpx", "google_genai", "google.genai", "yoyo"):
        logging.getLogger(verbose).setLevel(logging.WARNING)


def _redact_errors(value: Any) -> Any:
    """Returns the value, or a copy of a collection, with a redacted text instead of each error."""
    if isinstance(value, BaseException):
        return _describe(value)
    if isinstance(value, dict):
        return {name: _redact_errors(each) for name, each in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_redact_errors(each) for each in value)
    return value


def _redact_arguments(record: logging.LogRecord) -> str:
    """Returns a line of asyncio without its tasks and callbacks.

    Their descriptions hold errors and arguments.
    """
    arguments = record.args if isinstance(record.args, tuple) else ()
    numbers = tuple(each if isinstance(each, int | float) else _WITHHELD for each in arguments)
    line = (str(record.msg) % numbers if numbers else str(record.msg)).partition("\n")[0]
    return _CALLBACK.sub(rf"\1 {_WITHHELD}", line)


def _describe(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {redacted_description(error)}"


def _traceback_lines(error: BaseException, frames: TracebackType | None, seen: set[int]) -> Iterator[str]:
    """Yields the cause first, then the error. Bounded and without repeats: chains can be long or circular."""
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause and _is_new(cause, seen):
        yield from _traceback_lines(cause, cause.__traceback__, seen)
        yield f"\n{_CAUSED if error.__cause__ else _CONTEXT}\n"
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(frames))
    yield f"{type(error).__module__}.{_describe(error)}"
    for member in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        if _is_new(member, seen):
            yield f"\nOne of the errors in {type(error).__qualname__}:\n"
            yield from _traceback_lines(member, member.__traceback__, seen)


def _is_new(error: BaseException, seen: set[int]) -> bool:
    return id(error) not in seen and len(seen) < MAX_CHAINED_ERRORS
