"""Times in a text: what they look like, where an utterance starts by them, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from cara.expressions import compiled

CLOCK = r"\d{1,3}:\d{1,2}(?::\d{1,2}){0,2}+(?:[.,]\d{1,3})?+(?!\d|:\d)"
"""A time of a recording (`0:03`, `00:00:12.5`) or of the day."""
HALF = r"(?:[ ]?(?:[AaPp]\.?[ ]?[Mm]\b\.?|[صم](?!\w)))"
"""The half of the day behind a time of twelve hours."""
HALF_AHEAD = r"(?:(?:上午|下午|凌晨|早上|中午|晚上|午前|午後|오전|오후)[ ]?)"
"""The half of the day before a time of twelve hours."""
LETTERED = r"(?:\d{1,2}h[ ]?)?+(?:\d{1,3}m[ ]?)?+\d{1,5}(?:\.\d{1,3})?+s"
"""A time of a recording with the letters of its units (`5.50s`, `1h02m03s`)."""
DATE = (
    r"(?:\d{1,4}[ ]?[./-][ ]?\d{1,2}[ ]?[./-][ ]?\d{1,4}\.?+"
    r"|\d{4}[年년][ ]?\d{1,2}[月월][ ]?\d{1,2}[日일]"
    r"|\d{1,2}[ ][^\W\d_]{3,9}\.?[ ]\d{4}|[^\W\d_]{3,9}\.?[ ]\d{1,2},?[ ]\d{4})"
)
"""A date with its year."""
DAY = (
    r"(?:(?:Today|Yesterday|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6})(?:,?[ ]at|,)?[ ]"
    rf"|{DATE}(?:[ ]at|,)?+[ T]{{1,2}}|\d{{1,2}}[./]\d{{1,2}}\.?[ ])"
)
"""What stands for the day before a time."""
MOMENT = (
    rf"{DATE}[,،]?[ T]{{1,2}}(?:[^\W\d_]{{1,3}}\.?[ ])?+{HALF_AHEAD}?+"
    rf"(?:{CLOCK}|\d{{1,2}}\.\d{{2}}(?:\.\d{{2}})?+(?!\d)){HALF}?+"
)
"""A date and a time, as messengers write them in any language (`4.3.2026 klo 9.30`)."""
TO = r"[ \t]{0,3}(?:-{1,3}>?|[–—>])[ \t]{0,3}"
"""What stands between two times of a range."""

_HOUR_SECONDS = 3_600
_DAY_SECONDS = 24 * _HOUR_SECONDS
# Times without AM, PM or a date that begin later are those of the day: few recordings are so long, and few
# people talk before.
_EARLIEST_SECONDS = 6 * _HOUR_SECONDS
# A recording whose first time is later than this does not begin at zero: its times are those of the day.
_LATE_MINUTES = 5
_TIME = compiled(r"(\d{1,3}):(\d{1,2})(?::(\d{1,2}))?+(?::\d{1,2})?+(?:[.,](\d{1,3}))?+")
_HALF = compiled(
    r"(?P<later>[Pp]\.?[ ]?[Mm]|م|下午|中午|晚上|午後|오후)|[Aa]\.?[ ]?[Mm]|ص|上午|凌晨|早上|午前|오전"
)
_LETTERED = compiled(r"(?:(\d{1,2})h[ ]?)?+(?:(\d{1,3})m[ ]?)?+(\d{1,5}(?:\.\d{1,3})?+)s")
_DATE = re.compile(r"\d[ ]?[./-][ ]?\d{1,2}[ ]?[./-][ ]?\d|\d[년年]")

_RANGED = rf"{CLOCK}(?:{TO}{CLOCK})?+"
_MARKED = (
    rf"[\[(<][ \t]{{0,3}}(?:{CLOCK}{HALF}?+(?:{TO}{CLOCK})?+|{LETTERED}(?:{TO}{LETTERED})?+)"
    r"[ \t]{0,3}[\])>]"
    rf"|(?<=\w)[ ]{CLOCK}(?=\])"
    rf"|\#{CLOCK}(?:-\d)?\#"
    rf"|(?<![\w:.,]){CLOCK}[ \t]{{0,3}}-->[ \t]{{0,3}}{CLOCK}"
    rf"|^[ \t\ufeff]*+(?=\d{{1,2}}:\d{{2}}:\d{{2}}){_RANGED}(?![\w:])"
    rf"|(?<![\w:.,])(?=0?\d:\d{{2}}:\d{{2}}){CLOCK}(?![\w:])"
)
_MARKS = compiled(_MARKED, re.MULTILINE)
_MARKS_AND_BARE = compiled(rf"{_MARKED}|^[ \t\ufeff]*+{_RANGED}(?=[\s>–—-]|\Z)", re.MULTILINE)
_BARE = re.compile(r"^[ \t\ufeff]*+(\d{1,3}:\d{2})(?=[\s>–—-]|\Z)", re.MULTILINE)
# Times of a recording begin near zero, or fall on any second; those that are said are rounder.
BEGINNING_SECONDS = 60
_ROUND_SECONDS = 5
_HAS_CLOCK = re.compile(r"\d:\d|\ds[\])]")


def has_clocks(text: str) -> bool:
    """Returns whether a time may stand in the text."""
    return bool(_HAS_CLOCK.search(text))


def marks_of_time(text: str) -> re.Pattern[str]:
    """Returns what the times of the recording in a text look like.

    These are times in brackets (`[00:12]`, `#00:12-1#`), those of three parts that begin a line or have an
    hour of one digit (`00:12:03`), and those of two parts that begin a line, if such lines look like a
    recording's: the first is near zero, or they rise and are no round times. Another time is one that was
    said.
    """
    bare = [time for match in _BARE.finditer(text) if (time := seconds(match[1])) is not None]
    return _MARKS_AND_BARE if _are_of_recording(bare) else _MARKS


def _are_of_recording(times: Sequence[float]) -> bool:
    if not times or times[0] <= BEGINNING_SECONDS:
        return bool(times)
    return len(times) > 2 and times == sorted(times) and any(time % _ROUND_SECONDS for time in times)


@lru_cache(4_096)
def seconds(clock: str) -> float | None:
    """Returns the seconds of a time; None if it is a time of the day without seconds (`10:00 AM`)."""
    time = _TIME.search(clock)
    if time is None and (lettered := _LETTERED.search(clock)):
        return int(lettered[1] or 0) * _HOUR_SECONDS + int(lettered[2] or 0) * 60 + float(lettered[3])
    if time is None or (time[3] is None and _is_of_day(clock)):
        return None
    hours, minutes, rest = (time[1], time[2], time[3]) if time[3] else ("0", time[1], time[2])
    total = int(hours) * _HOUR_SECONDS + int(minutes) * 60 + int(rest)
    if half := _HALF.search(clock):
        total += (12 * bool(half["later"]) - 12 * (int(hours) == 12)) * _HOUR_SECONDS
    return total + (float(f"0.{time[4]}") if time[4] else 0.0)


def starts(clocks: Sequence[str | None]) -> list[float | None]:
    """Returns the seconds from the beginning of the recording for each time.

    Times of the day count from the first one. None stands where no time is, for times of the day without
    seconds, and for all if they fall.
    """
    times = _from_beginning(clocks)
    return times if _rise(times) else [None] * len(times)


def go_back(clocks: Sequence[str | None]) -> bool:
    """Returns whether the times fall, so that they are not those of one recording."""
    return not _rise(_from_beginning(clocks))


def _rise(times: Sequence[float | None]) -> bool:
    rising = [time for time in times if time is not None]
    return rising == sorted(rising)


def _from_beginning(clocks: Sequence[str | None]) -> list[float | None]:
    times = [seconds(clock) if clock else None for clock in clocks]
    known = [(clock, time) for clock, time in zip(clocks, times, strict=True) if clock and time is not None]
    if not known:
        return times
    clock, first = known[0]
    if clock.count(":") == 1 and first > _LATE_MINUTES * 60:
        return [None] * len(times)
    if first >= _EARLIEST_SECONDS or _is_of_day(clock):
        times = [None if time is None else _since(time, first) for time in times]
    return times


def _is_of_day(clock: str) -> bool:
    return bool(_HALF.search(clock) or _DATE.search(clock))


def _since(time: float, first: float) -> float:
    return round(time - first if time >= first else time - first + _DAY_SECONDS, 3)
