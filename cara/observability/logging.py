"""What the processes write to their logs: one line an event, to standard error.

Errors are told by their types, frames and numbers. Their messages stay out: people's words turn up there.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, TypeAlias

from cara.observability.redaction import harmless_description

_ErrorInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

MOST_ERRORS: Final = 20
_CAUSED: Final = "The above exception was the direct cause of the following exception:"
_MEANWHILE: Final = "During handling of the above exception, another exception occurred:"
_WITHHELD: Final = "(withheld)"
_CALLBACK: Final = re.compile(r"^(Exception in callback) .*")


class HarmlessFormatter(logging.Formatter):
    """Formats records without the messages of errors, wherever in the record an error stands."""

    def format(self, record: logging.LogRecord) -> str:
        """A copy is formatted: another handler may have left the error's full text in the record."""
        harmless = copy.copy(record)
        harmless.exc_text = None
        harmless.msg, harmless.args = _without_messages(record.msg), _without_messages(record.args)
        if record.name == "asyncio":
            harmless.msg, harmless.args = _without_tasks(harmless), None
        return super().format(harmless)

    def formatException(self, ei: _ErrorInfo) -> str:  # noqa: N802 - the name is that of the base class
        """Frames and types as Python prints them, with a harmless description in place of each message."""
        return "\n".join(_lines(ei[1], ei[2], set())) if ei[1] else ""


def set_up_logs(level: int = logging.INFO) -> None:
    """Sends log lines to standard error; the access log's lines are JSON and stay as they are."""
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(HarmlessFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[plain])
    access = logging.getLogger("cara.access")
    access.propagate = False
    as_it_is = logging.StreamHandler(sys.stdout)
    as_it_is.setFormatter(logging.Formatter("%(message)s"))
    access.handlers = [as_it_is]
    logging.raiseExceptions = False  # of a line that it cannot format, logging would print the arguments
    for chatty in ("httpx", "google_genai", "google.genai", "yoyo"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _without_messages(value: Any) -> Any:
    """The value as it is, or a copy of a collection, with a harmless text in place of each error."""
    if isinstance(value, BaseException):
        return _told(value)
    if isinstance(value, dict):
        return {name: _without_messages(each) for name, each in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_without_messages(each) for each in value)
    return value


def _without_tasks(record: logging.LogRecord) -> str:
    """What asyncio says, without the tasks and callbacks that it describes by their errors and arguments."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    numbers = tuple(each if isinstance(each, int | float) else _WITHHELD for each in arguments)
    told = (str(record.msg) % numbers if numbers else str(record.msg)).partition("\n")[0]
    return _CALLBACK.sub(rf"\1 {_WITHHELD}", told)


def _told(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {harmless_description(error)}"


def _lines(error: BaseException, frames: TracebackType | None, seen: set[int]) -> Iterator[str]:
    """What led to the error first. Nothing twice, and bounded: chains can be long, and circles."""
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause and _is_news(cause, seen):
        yield from _lines(cause, cause.__traceback__, seen)
        yield f"\n{_CAUSED if error.__cause__ else _MEANWHILE}\n"
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(frames))
    yield f"{type(error).__module__}.{_told(error)}"
    for member in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        if _is_news(member, seen):
            yield f"\nOne of the errors in {type(error).__qualname__}:\n"
            yield from _lines(member, member.__traceback__, seen)


def _is_news(error: BaseException, seen: set[int]) -> bool:
    return id(error) not in seen and len(seen) < MOST_ERRORS
