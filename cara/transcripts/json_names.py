"""The names under which recognizers write what was said, by whom and when.

They differ among recognizers far less than the nesting does, so one list of names serves all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from cara.transcripts.located_json import Members

MILLISECOND: Final = 1e-3
TICK: Final = 1e-7
"""100 nanoseconds, the unit of Azure."""

_Names = tuple[str, ...]
Times = tuple[tuple[str, float | None], ...]
"""Names, and the unit of numbers under them in seconds; None if the recognizer says which."""


class Names(NamedTuple):
    """Names by what stands under them, the best one first."""

    texts: _Names
    words: _Names
    speakers: _Names
    channels: _Names
    starts: Times
    ends: Times
    durations: Times


KNOWN: Final = Names(
    texts=(
        "punctuatedword", "displaytext", "display", "text", "transcript", "word", "content", "sentence",
        "spokentext", "message", "transcription", "lexical", "parts", "segs", "body",
    ),
    words=("displaywords", "words", "elements", "items", "result"),
    speakers=(
        "speaker", "speakername", "speakerlabel", "speakerid", "speakertag", "participantrole", "participant",
        "role", "userprofile", "user", "name", "author", "sendername", "sender",
    ),
    channels=("channel", "channeltag", "channelindex", "channellabel"),
    starts=(
        ("start", None), ("starttime", None), ("startoffset", None), ("ts", None), ("startts", None),
        ("begin", None), ("starttimestamp", None), ("startms", MILLISECOND), ("starttimems", MILLISECOND),
        ("startmillis", MILLISECOND), ("beginoffsetmillis", MILLISECOND), ("offsetmilliseconds", MILLISECOND),
        ("offsetms", MILLISECOND), ("startseconds", 1), ("starttimeseconds", 1), ("offsetinticks", TICK),
        ("offsetinseconds", 1), ("tstartms", MILLISECOND), ("offset", None), ("timestamp", None),
        ("time", None), ("from", None),
    ),
    ends=(
        ("end", None), ("endtime", None), ("endoffset", None), ("endts", None), ("endtimestamp", None),
        ("endms", MILLISECOND), ("endtimems", MILLISECOND), ("endmillis", MILLISECOND),
        ("endoffsetmillis", MILLISECOND), ("endseconds", 1), ("endtimeseconds", 1), ("to", None),
    ),
    durations=(
        ("durationinticks", TICK), ("durationmilliseconds", MILLISECOND), ("durationms", MILLISECOND),
        ("audioduration", None), ("audiodurationsecs", 1), ("durationseconds", 1), ("durationinseconds", 1),
        ("ddurationms", MILLISECOND),
        ("duration", None),
    ),
)  # fmt: skip

_OF_TIMES: Final = (*KNOWN.starts, *KNOWN.ends, *KNOWN.durations)
_ALL: Final = frozenset(
    {*KNOWN.texts, *KNOWN.words, *KNOWN.speakers, *KNOWN.channels, *(name for name, _ in _OF_TIMES)}
)


def names_in(members: Members) -> Names:
    """Returns those of the known names that the object has."""
    return _known_of(tuple(filter(_ALL.__contains__, members)))


@lru_cache(maxsize=256)  # the objects of an array have the same names
def _known_of(names: _Names) -> Names:
    there = set(names)
    return Names(
        texts=_there(KNOWN.texts, there),
        words=_there(KNOWN.words, there),
        speakers=_there(KNOWN.speakers, there),
        channels=_there(KNOWN.channels, there),
        starts=_timed_there(KNOWN.starts, there),
        ends=_timed_there(KNOWN.ends, there),
        durations=_timed_there(KNOWN.durations, there),
    )


def _there(known: _Names, there: set[str]) -> _Names:
    return tuple(name for name in known if name in there)


def _timed_there(known: Times, there: set[str]) -> Times:
    return tuple((name, unit) for name, unit in known if name in there)
