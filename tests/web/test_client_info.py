"""The address of a client behind trusted proxies, and the network that limits count for."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from cara.web.client_info import UNKNOWN, TrustedProxies, client_info, limited_network

BALANCERS = TrustedProxies(["10.0.0.0/8", "fd00::/8"])


def test_no_proxy_is_trusted_by_default():
    assert TrustedProxies([]).client_of("127.0.0.1", ["1.2.3.4"]) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("fd00::1", ["2001:db8::7, 10.0.0.2"], "2001:db8::7"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        ("203.0.113.7", ["6.6.6.6"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_not_a_trusted_proxy(peer, forwarded, client):
    assert BALANCERS.client_of(peer, forwarded) == client


@pytest.mark.parametrize(
    "nonsense", ["", " ", "unknown", "_hidden", "1.2.3", "<script>", "9" * 5000, "1.2.3.4.5"]
)
def test_a_malformed_hop_makes_the_proxy_that_wrote_it_the_client(nonsense):
    assert BALANCERS.client_of("10.0.0.1", [f"6.6.6.6, {nonsense}, 10.0.0.2"]) == "10.0.0.2"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        (" 2001:DB8:0:0::7 ", "2001:db8::7"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(written, address):
    assert BALANCERS.client_of("10.0.0.1", [written]) == address


@pytest.mark.parametrize("peer", [None, "", "a socket"])
def test_a_transport_without_an_address_has_an_unknown_client(peer):
    assert BALANCERS.client_of(peer, ["1.2.3.4"]) == UNKNOWN


def test_limits_count_a_network_of_ipv6_and_an_address_of_ipv4():
    assert (
        limited_network("2001:db8:1:2:3::4") == limited_network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    )
    assert limited_network("203.0.113.7") == "203.0.113.7"
    assert limited_network(UNKNOWN) == UNKNOWN


def test_a_user_agent_is_stored_as_text_of_a_bounded_length():
    def stored(user_agent):
        return client_info(make_mocked_request("GET", "/", headers={"User-Agent": user_agent})).user_agent

    assert stored("Mozilla/5.0 (X11)") == "Mozilla/5.0 (X11)"
    assert stored("x" * 1_000) == "x" * 400
    assert stored("a\0b<b>old</b>") == "abold"
    assert stored("") is None
