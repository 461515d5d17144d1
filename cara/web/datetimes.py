"""Dates and times as clients write them: RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from cara.errors import FieldCode, InvalidValue

_FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_EITHER_SCHEMA = {"anyOf": [{"type": "string", "format": name} for name in ("date-time", "date")]}


def parse_datetime(value: Any) -> datetime:
    """Returns a `date-time` of RFC 3339.

    Raises:
        InvalidValue: it is anything else, also where ISO 8601 would allow it.
    """
    text = value.upper() if isinstance(value, str) else ""
    try:
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidValue(_fault(value), "must be an RFC 3339 date and time, such as 2026-01-31T09:30:00Z")


def parse_date_or_datetime(value: Any) -> date | datetime:
    """Returns a `full-date` or a `date-time` of RFC 3339.

    Raises:
        InvalidValue: it is anything else.
    """
    try:
        if isinstance(value, str) and _FULL_DATE.fullmatch(value):
            return date.fromisoformat(value)
        return parse_datetime(value)
    except ValueError:
        raise InvalidValue(
            _fault(value), "must be a day such as 2026-01-31, or an RFC 3339 date and time"
        ) from None


def _fault(value: Any) -> FieldCode:
    return "format" if isinstance(value, str) else "type"


def _start_of(value: Any) -> datetime:
    """Returns the time in UTC; a day alone is read as its first instant.

    Raises:
        InvalidValue: it is neither, or lies beyond the calendar in UTC.
    """
    read = parse_date_or_datetime(value)
    if not isinstance(read, datetime):
        return datetime(read.year, read.month, read.day, tzinfo=UTC)
    try:
        return read.astimezone(UTC)
    except OverflowError:
        raise InvalidValue("out_of_range", "must lie within the years 1 to 9999 in UTC") from None


Rfc3339DateTime = Annotated[
    datetime, PlainValidator(parse_datetime), WithJsonSchema({"type": "string", "format": "date-time"})
]
DateTimeOrStartOfDay = Annotated[datetime, PlainValidator(_start_of), WithJsonSchema(_EITHER_SCHEMA)]
DateOrDateTime = Annotated[
    date | datetime, PlainValidator(parse_date_or_datetime), WithJsonSchema(_EITHER_SCHEMA)
]
