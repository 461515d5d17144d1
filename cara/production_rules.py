"""Which settings production refuses; each rule raises ValueError with what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from cara.typed_keys import is_placeholder, lacks_randomness

EXAMPLE_SIGNING_KEY: Final = "change-me-to-at-least-32-random-bytes"
"""The public value of `JWT_SECRET` in `.env.example`."""
MIN_SECRET_BYTES: Final = 32
MAX_ACCESS_TOKEN_SECONDS: Final = 3_600

OWASP_ARGON2: Final = ((1, 47_104), (2, 19_456), (3, 12_288), (4, 9_216), (5, 7_168))
"""Passes of argon2id and the KiB that they need at least: the equivalent configurations of OWASP's Password
Storage Cheat Sheet, with one lane."""

PRIVATE_NETWORKS: Final = tuple(
    ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)
MAX_PUBLIC_PROXIES: Final = {4: 2**24, 6: 2**112}
"""How many public addresses may be trusted, by version: as many as in a /8 or /16. The proxies of the largest
content delivery networks are fewer."""

MAPPED_BITS: Final = 96
"""The length of the prefix of IPv6 addresses that stand for those of IPv4."""

INTERNAL_DOMAINS: Final = (".internal", ".local", ".localhost", ".lan", ".svc", ".consul")

MAKE_A_KEY: Final = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


def check(field: str, value: Any, others: Mapping[str, Any]) -> None:
    """Checks the value of a field; `others` holds those of the fields before it that are valid."""
    match field:
        case "access_token_seconds" if value > MAX_ACCESS_TOKEN_SECONDS:
            raise ValueError(f"must be at most {MAX_ACCESS_TOKEN_SECONDS} in production")
        case "gemini_api_key" if value is None:
            raise ValueError("is required in production")
        case "gemini_api_key" if is_placeholder(value.get_secret_value()):
            raise ValueError("must be a key of Gemini in production, not what stands for one")
        case "gemini_base_url" if value:
            check_encrypted(value)
        case "password_memory_kib" if "password_time_cost" in others:
            check_password_cost(others["password_time_cost"], value)
        case "rate_limits" if value == "off":
            raise ValueError("must be on in production")
        case "sentry_dsn" if value:
            check_encrypted(value.get_secret_value())


def check_signing_keys(secrets: Iterable[str]) -> None:
    """Refuses keys that are known, short, or typed by people: whoever guesses one is every user."""
    for secret in secrets:
        if secret == EXAMPLE_SIGNING_KEY:
            raise ValueError("must not be the value from .env.example in production")
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes long in production")
        if lacks_randomness(secret):
            raise ValueError(f"must be random in production; `{MAKE_A_KEY}` makes a key")


def check_wildcards(origins: Iterable[str]) -> None:
    """Refuses origins that stand for several."""
    if any("*" in origin for origin in origins):
        raise ValueError("must name exact origins in production, without *")


def check_origins(origins: Sequence[str]) -> None:
    """Refuses origins whose pages anybody on the way can change."""
    plain = [origin for origin in origins if not origin.startswith("https://")]
    if plain or not origins:
        raise ValueError(
            f"must be set to origins with https:// in production, not {', '.join(plain) or 'none'}"
        )


def check_proxies(networks: Iterable[IPv4Network | IPv6Network]) -> None:
    """Refuses networks that hold clients: whoever is trusted writes the address that limits count for."""
    public = [network for each in networks if not _is_private(network := _unmapped(each))]
    for version, most in MAX_PUBLIC_PROXIES.items():
        collapsed = collapse_addresses(network for network in public if network.version == version)  # type: ignore[type-var]
        if sum(network.num_addresses for network in collapsed) > most:
            raise ValueError("must name the proxies in production, not large parts of the internet")


def check_password_cost(passes: int, memory_kib: int) -> None:
    """Refuses a cost of argon2id below OWASP's recommendations."""
    if not any(passes >= least and memory_kib >= needed for least, needed in OWASP_ARGON2):
        needed = next(memory for least, memory in reversed(OWASP_ARGON2) if passes >= least)
        raise ValueError(f"must be at least {needed} in production with PASSWORD_TIME_COST={passes}")


def check_encrypted(url: str) -> None:
    """Refuses plain HTTP, except to this machine and into private networks."""
    host = urlsplit(url).hostname or ""
    if urlsplit(url).scheme == "http" and not _is_internal(host):
        raise ValueError("must begin with https:// in production, except for hosts of a private network")


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Returns the network of IPv4 that a network of `::ffff:0:0/96` stands for."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))


def _is_private(network: IPv4Network | IPv6Network) -> bool:
    return any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]
        for private in PRIVATE_NETWORKS
    )


def _is_internal(host: str) -> bool:
    """Returns whether a host is of a private network: by its address, or by a name that no public DNS has."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(INTERNAL_DOMAINS)
    return _is_private(ip_network(address))
