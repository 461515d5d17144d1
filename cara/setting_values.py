"""Kinds of values that settings have, and how they are shown without their secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

_MASK = "********"


def _scheme_among(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        if url.get_secret_value().partition("://")[0] not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        _ensure_ports(url.get_secret_value())
        return url

    return AfterValidator(check)


def _ensure_ports(url: str) -> None:
    """Each of the hosts, of which there may be several between commas, has a port that is one."""
    for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError("has a port that is no number from 1 to 65535")


def _is_http(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("must be an address such as https://gemini.example.com")
    _ensure_ports(url)
    return url


def _is_dsn(value: SecretStr) -> SecretStr:
    from sentry_sdk.utils import BadDsn, Dsn

    try:
        Dsn(value.get_secret_value())
    except BadDsn as error:
        raise ValueError(f"is no DSN: {error}") from None
    return value


def _divides_a_minute(seconds: int) -> int:
    if 60 % seconds:
        raise ValueError("must divide a minute: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 seconds")
    return seconds


def _is_rate_limit(limit: str) -> str:
    from limits import parse_many

    first, *others = parse_many(limit)
    if others or first.amount < 1:
        raise ValueError("must be one limit of at least one request, such as 20/minute")
    return limit


Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PartOfMinute = Annotated[int, Field(gt=0), AfterValidator(_divides_a_minute)]
"""How often by the clock, in seconds."""

HttpUrl = Annotated[str, AfterValidator(_is_http)]
SentryDsn = Annotated[SecretStr, AfterValidator(_is_dsn)]
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
