"""The client that sent a request: its address behind the trusted proxies, and its user agent.

`X-Forwarded-For` is read only from the networks in `TRUSTED_PROXIES`, which is empty by default. `Forwarded`
(RFC 7239) is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

from cara.web.context import CALLER_ID, CLIENT_ADDRESS, REQUEST_ID, SERVICES
from cara.web.sanitize import without_markup

Address = IPv4Address | IPv6Address

UNKNOWN = "unknown"
MAX_USER_AGENT_CHARACTERS = 400
MAX_HOPS = 32
"""So many proxies are looked past at most. The client writes the rest of the list, and its length."""

HOME_NETWORK_BITS = 64
"""A household or host has at least a /64 of IPv6: limits count for all of it, or the next address is free."""


class TrustedProxies:
    """The networks from which `X-Forwarded-For` is read."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ip_network(network) for network in networks)

    def __contains__(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def client_of(self, peer: str | None, forwarded: Sequence[str]) -> str:
        """Returns the nearest hop that is not a trusted proxy; the proxy itself where its entry is malformed.

        `forwarded` holds the values of all X-Forwarded-For fields, in order.
        """
        client = parse_address(peer or "")
        if client is None:
            return UNKNOWN
        if not forwarded:
            return str(client)
        for hop in _hops_from_the_right(forwarded):
            if client not in self or hop is None:
                break
            client = hop
        return str(client)


def find_client_address(request: web.Request) -> str:
    """Returns the client's address, from the connection and the header fields of the proxies."""
    proxies: TrustedProxies = request.app[SERVICES][TrustedProxies]
    return proxies.client_of(request.remote, request.headers.getall("X-Forwarded-For", ()))


def client_address(request: web.BaseRequest) -> str:
    """Returns the address of the client, for limits and logs; `UNKNOWN` where the transport has none."""
    return request.get(CLIENT_ADDRESS) or request.remote or UNKNOWN


def limited_network(address: str) -> str:
    """Returns what a limit counts for: an IPv4 address, or the /64 network of an IPv6 address."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, HOME_NETWORK_BITS), strict=False))
    return address


def caller_of(request: web.BaseRequest) -> str:
    """Returns for whom a share of something counts: the learner, or before sign-in the network."""
    user_id = request.get(CALLER_ID)
    return str(user_id) if user_id else limited_network(client_address(request))


@dataclass(frozen=True)
class ClientInfo:
    """Where a request came from, for the audit trail and the lock-out; None for what is unknown."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None

    @property
    def network(self) -> str | None:
        """What the lock-out counts for; see `limited_network`."""
        return limited_network(self.address) if self.address else None


def client_info(request: web.Request) -> ClientInfo:
    """Returns the client that sent a request."""
    address = client_address(request)
    return ClientInfo(
        address=None if address == UNKNOWN else address,
        user_agent=_storable(request.headers.get("User-Agent", "")) or None,
        request_id=request.get(REQUEST_ID),
    )


def _storable(field: str) -> str:
    """Returns the field as the database takes it: header fields may hold any bytes."""
    characters = field[:MAX_USER_AGENT_CHARACTERS].encode("utf-8", "replace").decode()
    return without_markup(characters).replace("\0", "")


def _hops_from_the_right(forwarded: Iterable[str]) -> Iterator[Address | None]:
    for hop in reversed(",".join(forwarded).rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        yield parse_address(hop.strip())


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Returns an address as proxies write it: with or without a port, brackets or a zone."""
    host = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
