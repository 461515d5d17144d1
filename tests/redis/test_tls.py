"""rediss:// checks who answers: the certificate, and the host name in it, also behind Sentinel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cara.redis.connections import connection_pool
from tests.servers import Servers
from tests.tls import Authority, tls_in_front


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def port(servers: Servers, authority: Authority) -> AsyncIterator[int]:
    """The port of a Valkey with TLS, whose certificate is for localhost."""
    socket = servers.redis_url.removeprefix("unix://")
    async with tls_in_front(socket, authority.server_context("localhost")) as port:
        yield port


async def answers(url: str) -> bool:
    redis = Redis(connection_pool=connection_pool(url, size=1, retries=0))
    try:
        return bool(await redis.ping())
    except RedisConnectionError as error:
        return "certificate verify failed" not in str(error)
    finally:
        await redis.aclose(close_connection_pool=True)


@pytest.mark.parametrize(
    ("host", "parameters", "accepted"),
    [
        ("localhost", "ssl_ca_certs={authority}", True),
        ("127.0.0.1", "ssl_ca_certs={authority}", False),
        ("127.0.0.1", "ssl_ca_certs={authority}&ssl_check_hostname=no", True),
        ("localhost", "", False),
        ("127.0.0.1", "ssl_cert_reqs=none", True),
    ],
)
async def test_tls_checks_the_certificate_and_its_host_name(
    authority: Authority, port: int, host: str, parameters: str, accepted: bool
) -> None:
    url = f"rediss://{host}:{port}/0?{parameters.format(authority=authority.file)}"
    assert await answers(url) == accepted


@pytest.mark.parametrize(("parameters", "checks"), [("", True), ("?ssl_cert_reqs=none", False)])
def test_nodes_and_master_behind_sentinel_are_checked_alike(parameters: str, checks: bool) -> None:
    pool = connection_pool(f"rediss+sentinel://bob:p%40ss@one,[::1]:26380/cara/2{parameters}", size=1)
    nodes = [node.connection_pool.connection_kwargs for node in pool.sentinel_manager.sentinels]
    assert [(node["host"], node["port"]) for node in nodes] == [("one", 26379), ("::1", 26380)]
    contexts = [node.connection_pool.make_connection() for node in pool.sentinel_manager.sentinels]
    contexts.append(pool.make_connection())
    assert {connection.ssl_context.get().check_hostname for connection in contexts} == {checks}
    assert pool.connection_kwargs["password"] == "p@ss"
