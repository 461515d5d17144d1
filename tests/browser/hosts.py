"""Web sites of several hosts on loopback: pages that can call Cara, and a TLS proxy before each server."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.browser.chromium import Page

API = "https://api.example.test"
APP = "https://app.example.test"
SIBLING = "https://blog.example.test"
OTHER_SITE = "https://other.test"

PAGE = """<!doctype html><title>A page</title><body></body><script>
const post = async (url, body) => {
    const headers = body ? {"Content-Type": "application/json"} : {};
    const sent = {method: "POST", credentials: "include", headers, body: body && JSON.stringify(body)};
    const response = await fetch(url, sent);
    return {status: response.status, ...await response.json()};
};
</script>"""


def pages() -> web.Application:
    """Returns a server that has the same page everywhere; its scripts are what tests run in it."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def unpartitioned(request: web.Request) -> web.Response:
        """Answers whether the browser sent the cookie that this sets: without `Partitioned`."""
        cookie = "seen=1; Path=/; Secure; SameSite=None"
        cors = {"Access-Control-Allow-Origin": OTHER_SITE, "Access-Control-Allow-Credentials": "true"}
        return web.json_response("seen" in request.cookies, headers=cors | {"Set-Cookie": cookie})

    app = web.Application()
    app.router.add_get("/unpartitioned", unpartitioned)
    app.router.add_get("/{path:.*}", page)
    return app


def self_signed(folder: Path) -> ssl.SSLContext:
    """Returns a context with a certificate of its own making, which a browser has to be told to accept."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of Cara")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


async def calls(page: Page, path: str, body: Any = None, *, api: str = API) -> dict[str, Any]:
    """Calls Cara from a page, with its cookies; returns the status with the members of the response."""
    answer: dict[str, Any] = await page.run(f"post({json.dumps(api + path)}, {json.dumps(body)})")
    return answer


def owner_of(answer: dict[str, Any]) -> str:
    """Returns the id of the learner for whom an access token was issued."""
    return str(jwt.decode(answer["accessToken"], options={"verify_signature": False})["sub"])


@asynccontextmanager
async def tls_proxy(port: int, context: ssl.SSLContext, upstream_port: int) -> AsyncIterator[None]:
    """Ends TLS at the port, and passes on what is in it unchanged."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", upstream_port)
        with suppress(asyncio.CancelledError):  # The test is over: asyncio would log it as an error.
            await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    try:
        yield
    finally:
        server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while read := await reader.read(65_536):
            writer.write(read)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
