"""Answers in gzip, for clients that accept it.

JSON and other texts of more than `MIN_BYTES` are compressed. Event streams are not, for each event leaves at
once, nor is what says `AS_IT_IS`. aiohttp's own `enable_compression` reads no weights, takes deflate first,
and knows nothing of tags and `Vary`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from cara.thread_pool import BoundedThreadPool, QueueFull, ShareUsed
from cara.web.client_info import caller_of

MIN_BYTES: Final = 1024
"""Smaller bodies fit into one packet with their header anyway."""

LARGE_BYTES: Final = 32_000
"""Larger bodies are compressed in a thread: they would hold up the event loop for too long."""

LEVEL: Final = 4
"""Level 6 takes two to four times as long and makes large answers 4 to 6 % smaller, level 1 takes half as
long and makes them 8 to 12 % larger: `python -m bench.compression`."""

GZIP_BITS: Final = 16 + zlib.MAX_WBITS
"""Makes zlib write the header and the end of gzip."""

AS_IT_IS: Final = "no-store, no-transform"
"""The `Cache-Control` of what neither we nor proxies may compress: streams, and answers that hold tokens
beside texts that somebody else may have chosen: the size would give the tokens away (BREACH)."""

MOST_CODINGS: Final = 20
"""Clients name a handful of codings; further ones are not looked at."""

_TEXTS: Final = re.compile(r"text/(?!event-stream$).+|application/(.+\+)?json|.+[/+](javascript|xml)")
_WEIGHT: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)

# One thread: it takes some 20 ms for the largest answers, and the rest of the process needs the other cores.
_large_bodies = BoundedThreadPool("compression", threads=1, most_waiting=64)


@dataclass(frozen=True)
class AcceptedCodings:
    """What a client accepts: gzip, if it is not liked less than no compression, and no compression."""

    gzip: bool
    identity: bool


def accepted_codings(request: web.BaseRequest) -> AcceptedCodings:
    """Reads `Accept-Encoding` (RFC 9110, section 12.5.3); without it nothing is compressed."""
    weights = _weights(request.headers.getall("Accept-Encoding", ()))
    others = weights.get("*")
    identity = weights.get("identity", others)
    gzip = weights.get("gzip", weights.get("x-gzip", others)) or 0.0
    return AcceptedCodings(gzip=gzip > 0 and gzip >= (identity or 0.0), identity=identity != 0)


def accepts_gzip(request: web.BaseRequest) -> bool:
    """Returns whether the answer to the request may be compressed."""
    return accepted_codings(request).gzip


def may_be_compressed(response: web.StreamResponse) -> bool:
    """Returns whether the response depends on `Accept-Encoding`; a 304 depends on what its 200 does."""
    if response.status == 304:
        return True
    is_text = _TEXTS.fullmatch(response.content_type) is not None
    return is_text and "no-transform" not in response.headers.get("Cache-Control", "")


@web.middleware
async def compress_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compresses what the handlers within answer, also to HEAD: its header fields are those of GET.

    A compressed representation has a weak tag: it is the same to those who read it, but not byte by byte.
    """
    response = await handler(request)
    if response.status == 304:
        _name_tag_as_known(request, response)
    elif (
        "Accept-Encoding" in request.headers
        and isinstance(response, web.Response)
        and "Content-Encoding" not in response.headers
    ):
        await _compress(request, response)
    return response


async def _compress(request: web.Request, response: web.Response) -> None:
    body = response.body
    if not body or not isinstance(body, bytes) or response.status == 206 or not may_be_compressed(response):
        return
    accepted = accepted_codings(request)
    if not accepted.gzip or (accepted.identity and len(body) <= MIN_BYTES):
        return
    packed = await _packed(request, body)
    if packed is None or (accepted.identity and len(packed) >= len(body)):
        return
    response.body = packed
    response.headers["Content-Encoding"] = "gzip"
    _weaken_tag(response)


async def _packed(request: web.Request, body: bytes) -> bytes | None:
    """Returns the compressed body; None if many large ones wait already: then it is sent as it is."""
    if len(body) <= LARGE_BYTES:
        return zlib.compress(body, LEVEL, GZIP_BITS)
    try:
        return await _large_bodies.run(
            lambda: zlib.compress(body, LEVEL, GZIP_BITS), caller=caller_of(request)
        )
    except (QueueFull, ShareUsed):
        return None


def _name_tag_as_known(request: web.Request, response: web.StreamResponse) -> None:
    """Makes the tag of a 304 weak if the client has a compressed representation, whose tag is weak."""
    known = ",".join(request.headers.getall("If-None-Match", ()))
    if f"W/{response.headers.get('ETag')}" in known and accepts_gzip(request):
        _weaken_tag(response)


def _weaken_tag(response: web.StreamResponse) -> None:
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):
        response.headers["ETag"] = f"W/{tag}"


def _weights(fields: Iterable[str]) -> dict[str, float]:
    """Returns the weights of codings by their names in lower case; a weight that is none counts as 0."""
    weights = {}
    for member in ",".join(fields).split(",", MOST_CODINGS)[:MOST_CODINGS]:
        name, _, parameter = member.partition(";")
        weights[name.strip().lower()] = _weight(parameter.strip()) if parameter else 1.0
    return weights


def _weight(parameter: str) -> float:
    name, _, weight = (part.strip() for part in parameter.partition("="))
    return float(weight) if name.lower() == "q" and _WEIGHT.fullmatch(weight) else 0.0
