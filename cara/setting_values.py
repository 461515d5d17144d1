"""Validated types of settings, and their display without secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr
from yarl import URL

_MASK = "********"
_HOST: Final = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
"""A host as browsers send it: a name in ASCII, or an address."""
_MOST_REQUESTS: Final = 1_000_000_000
_LONGEST_PERIOD: Final = 366 * 86_400


def _has_scheme(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        if url.get_secret_value().partition("://")[0] not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        _check_ports(url.get_secret_value())
        return url

    return AfterValidator(check)


def _check_ports(url: str) -> None:
    """Raises ValueError unless every host, of which a URL may have several, has a valid port or none."""
    for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError("must have a port from 1 to 65535")


def _check_database_parameters(url: SecretStr) -> SecretStr:
    """Raises ValueError for a protection that libpq would give and asyncpg cannot: it must not be dropped."""
    for name, value in parse_qsl(urlsplit(url.get_secret_value()).query):
        if (name, value) == ("channel_binding", "require"):
            raise ValueError(
                "must not have channel_binding=require, which asyncpg cannot do: "
                "sslmode=verify-full&sslrootcert=system protects as well"
            )
        if name in ("hostaddr", "require_auth", "requirepeer", "sslcertmode", "sslcrldir"):
            raise ValueError(f"must not have {name}, which asyncpg cannot do")
    return url


def _check_http_url(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("must be a URL such as https://gemini.example.com")
    _check_ports(url)
    return url


def origin_of(text: str) -> str:
    """Returns an origin as browsers send it: in lower case and ASCII, without the default port and slash.

    Raises:
        ValueError: it is none; the message says what is wrong.
    """
    try:
        url = URL(text.removesuffix("/"))
        is_origin = url.scheme in ("http", "https") and url == url.origin()
    except ValueError:
        is_origin = False
    if not (is_origin and _HOST.fullmatch(url.host_subcomponent or "") and "@" not in text):
        raise ValueError(f"must be origins such as https://app.example.com, not {mask_url(text)!r}")
    _check_ports(str(url))
    return str(url.origin())


def _check_dsn(value: SecretStr) -> SecretStr:
    from sentry_sdk.utils import BadDsn, Dsn

    try:
        Dsn(value.get_secret_value())
    except BadDsn as error:
        raise ValueError(f"must be a Sentry DSN: {error}") from None
    return value


def _check_divisor_of_minute(seconds: int) -> int:
    if 60 % seconds:
        raise ValueError("must divide a minute: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 seconds")
    return seconds


def _check_rate_limit(limit: str) -> str:
    from limits import parse_many

    first, *others = parse_many(limit)
    if others or first.amount < 1:
        raise ValueError("must be one limit of at least one request, such as 20/minute")
    if first.amount > _MOST_REQUESTS or first.get_expiry() > _LONGEST_PERIOD:
        raise ValueError(f"must be a limit of at most {_MOST_REQUESTS:,} requests in at most a year")
    return limit


def _check_gemini_key(key: SecretStr) -> SecretStr:
    if not key.get_secret_value().strip():
        raise ValueError("is missing: it holds blanks alone")
    return SecretStr(key.get_secret_value().strip())


# Each number has an upper bound, well above what anybody needs and within what a column, a date and a machine
# hold: beyond that the start would end in a traceback, or each sign-in in an error.
Count = Annotated[int, Field(gt=0, le=10_000)]
"""How many things of a kind there are at once, or attempts one after the other."""
Tokens = Annotated[int, Field(gt=0, le=1_000_000_000)]
Bytes = Annotated[int, Field(gt=0, le=10**15)]
SessionDays = Annotated[int, Field(gt=0, le=400)]
"""How long a sign-in may last: a little more than a year, as long as browsers keep a cookie."""
RetentionDays = Annotated[int, Field(gt=0, le=36_500)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
MinuteFraction = Annotated[int, Field(gt=0), AfterValidator(_check_divisor_of_minute)]
"""An interval in seconds that divides a minute, for tasks that run at fixed times of the clock."""

HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
GeminiKey = Annotated[SecretStr, AfterValidator(_check_gemini_key)]
GEMINI_MODEL: Final = "gemini-3.8-flash"
"""The model where none is set."""
ThinkingLevel = Literal["default", "minimal", "low", "medium", "high"]
SentryDsn = Annotated[SecretStr, AfterValidator(_check_dsn)]
DatabaseUrl = Annotated[
    SecretStr, _has_scheme("postgresql", "postgres"), AfterValidator(_check_database_parameters)
]
RedisUrl = Annotated[SecretStr, _has_scheme("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")]

RateLimit = Annotated[str, AfterValidator(_check_rate_limit)]
"""Requests per period in the notation of the limits library: `20/minute`, `100/15 minutes`."""


def mask_value(name: str, value: Any) -> str:
    """Returns the value of a setting for display: secrets are masked, in URLs only the passwords."""
    if isinstance(value, SecretStr):
        return mask_url(value.get_secret_value()) if name.endswith("_url") else _MASK
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def mask_url(url: str) -> str:
    """Returns the URL with its passwords masked; in doubt more than the password is."""
    url = re.sub(r"(?<=://)([^:/?#@]*):.*@", rf"\1:{_MASK}@", url)
    return re.sub(r"(?i)([?&][^=&]*password)=[^&]*", rf"\1={_MASK}", url)


def requested_level(level: ThinkingLevel) -> str | None:
    """Returns the thinking level to request of Gemini; None requests the model's default."""
    return None if level == "default" else level
