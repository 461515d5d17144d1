"""The time zones that a learner may live in."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

_OF_THE_MACHINE = frozenset({"Factory", "localtime"})
"""Names that mean another zone on another machine, or none."""


def known_time_zone(name: str) -> str:
    """The name, if the IANA time zone database has it; a ValueError otherwise."""
    if name not in _known():
        raise ValueError("must be a name of the IANA time zone database, such as Europe/Berlin")
    return name


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones()) - _OF_THE_MACHINE


TimeZone = Annotated[str, Field(max_length=64, examples=["Europe/Berlin"]), AfterValidator(known_time_zone)]
"""The name of an IANA time zone."""
