"""Times as recognizers write them, in seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from cara.transcripts.located_json import Members, text_of

MILLISECOND: Final = 1e-3
TICK: Final = 1e-7
"""100 nanoseconds, the unit of Azure."""

Units = Mapping[str, float | None]
"""The names that a member has, the best one first, and the unit of its numbers in seconds; None if the format
says which."""

STARTS: Final[Units] = {
    "start": None, "starttime": None, "startoffset": None, "ts": None, "startts": None, "begin": None,
    "starttimestamp": None, "startms": MILLISECOND, "starttimems": MILLISECOND, "startmillis": MILLISECOND,
    "beginoffsetmillis": MILLISECOND, "offsetmilliseconds": MILLISECOND, "offsetms": MILLISECOND,
    "startseconds": 1, "starttimeseconds": 1, "offsetinticks": TICK, "offsetinseconds": 1, "offset": None,
    "timestamp": None, "time": None, "from": None,
}  # fmt: skip
ENDS: Final[Units] = {
    "end": None, "endtime": None, "endoffset": None, "endts": None, "endtimestamp": None,
    "endms": MILLISECOND, "endtimems": MILLISECOND, "endmillis": MILLISECOND, "endoffsetmillis": MILLISECOND,
    "endseconds": 1, "endtimeseconds": 1, "to": None,
}  # fmt: skip
DURATIONS: Final[Units] = {
    "durationinticks": TICK, "durationmilliseconds": MILLISECOND, "durationms": MILLISECOND,
    "audioduration": None, "audiodurationsecs": 1, "durationseconds": 1, "durationinseconds": 1,
    "duration": None,
}  # fmt: skip

_LONGEST: Final = 1e7
"""Seconds; more is no place in a recording, but a date."""

_NUMBER: Final = re.compile(r"(\d{1,18}(?:\.\d{0,18})?)(ms|s)?")
_CLOCK: Final = re.compile(r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2}(?:[.,]\d{1,9})?)")
_ISO_8601: Final = re.compile(
    r"P(?:(\d{1,4})D)?T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,18})?)S)?", re.IGNORECASE
)


def span_of(members: Members, unit: float) -> tuple[float | None, float | None]:
    """Returns when what is told of begins and ends; None what is not told, or makes no sense.

    `unit` is that of numbers whose name says none, in seconds.
    """
    start, end = time_of(members, STARTS, unit), time_of(members, ENDS, unit)
    if isinstance(pair := members.get("timestamp"), list) and len(pair) == 2:  # transformers
        start, end = seconds(pair[0], unit), seconds(pair[1], unit)
    if end is None and start is not None and (length := time_of(members, DURATIONS, unit)) is not None:
        end = start + length
    if start is not None and end is not None and end < start:
        return None, None
    return start, end


def time_of(members: Members, names: Units, unit: float) -> float | None:
    """Returns the first time that stands under one of the names; None if none does."""
    for name, own in names.items():
        if (value := members.get(name)) is not None:
            return seconds(value, own or unit)
    return None


def seconds(value: Any, unit: float = 1) -> float | None:
    """Returns the seconds that a value says; None if it says none, or a negative time, or a date.

    It is a number of the unit, the same as text, `1.3s`, `00:01:02,500`, `PT1M2.5S`, an object with `seconds`
    and `nanos`, or one with `relative`.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _within(value * unit)
    if isinstance(value, dict):
        return _of_members(value, unit)
    text = text_of(value)
    return None if text is None else _of_text(text.strip(), unit)


def _within(time: float) -> float | None:
    return round(time, 6) if math.isfinite(time) and 0 <= time <= _LONGEST else None


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
        parts = (0, *clock.groups("0"))
    elif iso := _ISO_8601.fullmatch(text):
        parts = iso.groups("0")
    else:
        return None
    days, hours, minutes, rest = (float(str(part).replace(",", ".")) for part in parts)
    return _within(days * 86_400 + hours * 3_600 + minutes * 60 + rest)
