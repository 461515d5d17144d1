"""The time zones that a learner can choose."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from cara.errors import InvalidValue

_MACHINE_DEPENDENT = frozenset({"Factory", "localtime"})
"""Names whose zone depends on the machine, or that have none."""


def known_time_zone(name: str) -> str:
    """Returns the name; raises InvalidValue unless the IANA time zone database has it."""
    if name not in _known():
        raise InvalidValue(
            "not_allowed", "must be a name of the IANA time zone database, such as Europe/Berlin"
        )
    return name


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones()) - _MACHINE_DEPENDENT


TimeZone = Annotated[str, Field(max_length=64, examples=["Europe/Berlin"]), AfterValidator(known_time_zone)]
"""The name of an IANA time zone."""
