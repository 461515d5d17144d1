"""The HTTP session that the SDK uses."""

from __future__ import annotations

from urllib.request import getproxies

import aiohttp

READ_BUFFER_BYTES = 4 * 1024 * 1024
"""A piece of an answer is one line, however long; the SDK's own session allows as much."""


def open_session() -> aiohttp.ClientSession:
    """A session without a bound of its own on connections and without cookies.

    It looks at the environment for a proxy only where there is one: that look costs two hops to another
    thread in every request, which the SDK's own session always pays.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=bool(getproxies()),
        read_bufsize=READ_BUFFER_BYTES,
    )
