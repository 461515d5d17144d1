"""Serves the page: one file, whose style and script its Content-Security-Policy names by their hashes."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from aiohttp import web

from cara.web.routing import Content, Route


async def read_documentation() -> web.Response:
    """Show this interface as a page.

    It needs nothing from other hosts.
    """
    text, policy = _page()
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})


@cache
def _page() -> tuple[str, str]:
    """Returns the page, and the policy that lets only this style and script run, and read only from here."""
    folder = files("cara.web.docs")
    text, style, script = (folder.joinpath(name).read_text() for name in ("page.html", "page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text.replace("/* style */", style).replace("/* script */", script), policy


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


ROUTES = [
    Route(
        "GET",
        "/api/docs",
        read_documentation,
        tag="Operations",
        public=True,
        responses={200: Content("text/html", "<!doctype html>")},
    )
]
