"""Times as recognizers write them, in seconds."""

from __future__ import annotations

import re
from typing import Any, Final

from cara.transcripts.json_names import KNOWN, MILLISECOND, Times, names_in
from cara.transcripts.located_json import Members, text_of

_LONGEST: Final = 1e7
"""Seconds; more is no place in a recording, but a date."""

_NUMBER: Final = re.compile(r"(\d{1,18}(?:\.\d{0,18})?)(ms|s)?")
_CLOCK: Final = re.compile(r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2}(?:[.,]\d{1,9})?)")
_ISO_8601: Final = re.compile(
    r"P(?:(\d{1,4})D)?T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,18})?)S)?", re.IGNORECASE
)


def span_of(members: Members, unit: float = 1) -> tuple[float | None, float | None]:
    """Returns when what is told of begins and ends; None what is not told, or makes no sense.

    `unit` is that of numbers whose name says none, in seconds.
    """
    names = names_in(members)
    if not names.starts and not names.ends:
        return None, None
    start, end = _time_of(members, names.starts, unit), _time_of(members, names.ends, unit)
    if "timestamp" in members and isinstance(pair := members["timestamp"], list) and len(pair) == 2:
        start, end = seconds(pair[0], unit), seconds(pair[1], unit)
    if end is None and start is not None and (length := _time_of(members, names.durations, unit)) is not None:
        end = round(start + length, 6)
    if start is not None and end is not None and end < start:
        return None, None
    return start, end


def duration_of(members: object, unit: float = 1) -> float | None:
    """Returns the length of a recording that an object states, in seconds; None if it states none."""
    return _time_of(members, KNOWN.durations, unit) if isinstance(members, dict) else None


def _time_of(members: Members, names: Times, unit: float) -> float | None:
    for name, own in names:
        if (value := members.get(name)) is not None:
            return seconds(value, own or unit)
    return None


def seconds(value: Any, unit: float = 1) -> float | None:
    """Returns the seconds that a value says; None if it says none, or a negative time, or a date.

    It is a number of the unit, the same as text, `1.3s`, `00:01:02,500`, `PT1M2.5S`, an object with `seconds`
    and `nanos`, or one with `relative`.
    """
    kind = type(value)
    if kind is float or kind is int:
        return _within(value * unit)
    if kind is dict:
        return _of_members(value, unit)
    text = text_of(value)
    return None if text is None else _of_text(text.strip(), unit)


def _within(time: float) -> float | None:
    return round(float(time), 6) if 0 <= time <= _LONGEST else None


def _of_members(value: Members, unit: float) -> float | None:
    if "relative" in value:  # meeting bots tell the date, too
        return None if isinstance(value["relative"], dict) else seconds(value["relative"], unit)
    whole, fraction = value.get("seconds", 0), value.get("nanos", 0)
    if isinstance(whole, dict) or not isinstance(fraction, int) or not {"seconds", "nanos"} & value.keys():
        return None
    start = seconds(whole)
    return None if start is None else _within(start + fraction / 1e9)


def _of_text(text: str, unit: float) -> float | None:
    if number := _NUMBER.fullmatch(text):
        return _within(float(number[1]) * {"ms": MILLISECOND, "s": 1}.get(number[2], unit))
    if clock := _CLOCK.fullmatch(text):
        parts = ("0", *clock.groups("0"))
    elif iso := _ISO_8601.fullmatch(text):
        parts = iso.groups("0")
    else:
        return None
    days, hours, minutes, rest = (float(part.replace(",", ".")) for part in parts)
    return _within(days * 86_400 + hours * 3_600 + minutes * 60 + rest)
