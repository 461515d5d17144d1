"""HTTP of the console: the files of its page, and the talks to try."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from aiohttp import web

from cara.console.schemas import ConsoleSamples, ShippedTalk
from cara.practice.schemas import FEATURE_TYPES
from cara.samples import SAMPLES
from cara.settings import Settings
from cara.web.routing import Route

TAG = "Console"

# No script or style inside the page, nothing from elsewhere, and no text ever read as HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

_FILES = {
    "/console": ("page.html", "text/html"),
    "/console/page.css": ("page.css", "text/css"),
    "/console/page.js": ("page.js", "text/javascript"),
    "/console/calls.js": ("calls.js", "text/javascript"),
    "/console/showing.js": ("showing.js", "text/javascript"),
    "/console/mark.svg": ("mark.svg", "image/svg+xml"),
}


def routes(settings: Settings) -> list[Route]:
    """The routes of the console; none where it is not to be shown."""
    if not settings.console_shown:
        return []
    pages = [
        Route("GET", path, _server_of(name, media_type), tag=TAG, public=True, limit=None)
        for path, (name, media_type) in _FILES.items()
    ]
    return [*pages, Route("GET", "/console/samples", list_samples, tag=TAG, public=True, limit=None)]


async def list_samples() -> ConsoleSamples:
    """Tell the kinds of practice, and the talks that ship with Cara."""
    return _samples()


def _server_of(name: str, media_type: str) -> Callable[[], Awaitable[web.Response]]:
    content = files("cara.console").joinpath(name).read_bytes()

    async def read_file() -> web.Response:
        headers = {"Content-Security-Policy": POLICY}
        return web.Response(body=content, content_type=media_type, charset="utf-8", headers=headers)

    return read_file


@cache
def _samples() -> ConsoleSamples:
    talks = [
        ShippedTalk(
            name=sample.name,
            title=sample.title,
            feature_type=sample.feature_type,
            duration_seconds=sample.duration_seconds,
            transcript=sample.transcript().strip(),
        )
        for sample in SAMPLES
    ]
    return ConsoleSamples(feature_types=list(FEATURE_TYPES), samples=talks)
