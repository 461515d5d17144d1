"""Kinds of values that settings have, and how they are shown without their secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr

_MASK = "********"


def _scheme_among(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        if url.get_secret_value().partition("://")[0] not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return url

    return AfterValidator(check)


def _is_rate_limit(limit: str) -> str:
    from limits import parse_many

    first, *others = parse_many(limit)
    if others or first.amount < 1:
        raise ValueError("must be one limit of at least one request, such as 20/minute")
    return limit


Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
DatabaseUrl = Annotated[SecretStr, _scheme_among("postgresql", "postgres")]
RedisUrl = Annotated[SecretStr, _scheme_among("redis", "rediss", "unix", "redis+sentinel")]

RateLimit = Annotated[str, AfterValidator(_is_rate_limit)]
"""How many requests in which time, as `limits` spells it: `20/minute`, `100/15 minutes`."""


def masked(name: str, value: Any) -> str:
    """The value of the setting for a person to read."""
    if isinstance(value, SecretStr):
        return masked_url(value.get_secret_value()) if name.endswith("_url") else _MASK
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def masked_url(url: str) -> str:
    """The URL without its passwords; rather too much is masked than too little."""
    url = re.sub(r"(?<=://)([^:/?#@]*):.*@", rf"\1:{_MASK}@", url)
    return re.sub(r"(?i)([?&][^=&]*password)=[^&]*", rf"\1={_MASK}", url)
