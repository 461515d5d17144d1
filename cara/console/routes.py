"""HTTP of the console: the files of its page, and sample talks. It is not in the OpenAPI document."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from aiohttp import web

from cara.practice.schemas import FEATURE_TYPES, FeatureType
from cara.samples import SAMPLES
from cara.settings import Settings
from cara.web.models import ResponseModel
from cara.web.routing import Route

TAG = "Console"

# No inline script or style, nothing from other origins, and no text is parsed as HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

_FILES = {
    "/console": ("page.html", "text/html"),
    "/console/page.css": ("page.css", "text/css"),
    "/console/page.js": ("page.js", "text/javascript"),
    "/console/api.js": ("api.js", "text/javascript"),
    "/console/render.js": ("render.js", "text/javascript"),
    "/console/mark.svg": ("mark.svg", "image/svg+xml"),
}


class SampleTalk(ResponseModel):
    """A sample talk, with the members that the form of the console needs."""

    name: str
    title: str
    feature_type: FeatureType
    duration_seconds: int
    transcript: str


class ConsoleSamples(ResponseModel):
    """The feature types, and talks to try them with."""

    feature_types: list[FeatureType]
    samples: list[SampleTalk]


def routes(settings: Settings) -> list[Route]:
    """Returns the routes of the console; none if it is disabled."""
    if not settings.console_enabled:
        return []
    pages = [
        Route("GET", path, _file_handler(name, media_type), tag=TAG, public=True, limit=None)
        for path, (name, media_type) in _FILES.items()
    ]
    return [*pages, Route("GET", "/console/samples", list_samples, tag=TAG, public=True, limit=None)]


async def list_samples() -> ConsoleSamples:
    """List the feature types and the sample talks that ship with Cara."""
    return _samples()


def _file_handler(name: str, media_type: str) -> Callable[[], Awaitable[web.Response]]:
    content = files("cara.console").joinpath(name).read_bytes()

    async def read_file() -> web.Response:
        headers = {"Content-Security-Policy": POLICY}
        return web.Response(body=content, content_type=media_type, charset="utf-8", headers=headers)

    return read_file


@cache
def _samples() -> ConsoleSamples:
    talks = [
        SampleTalk(
            name=sample.name,
            title=sample.title,
            feature_type=sample.feature_type,
            duration_seconds=sample.duration_seconds,
            transcript=sample.transcript().strip(),
        )
        for sample in SAMPLES
    ]
    return ConsoleSamples(feature_types=list(FEATURE_TYPES), samples=talks)
