"""Which pages may use Cara: those of its own origin, and of the origins in `FRONTEND_URL`.

A browser sends the refresh cookie whatever page makes it call, and stores the cookie of the response: a page
of another origin, also on a sibling domain, could sign whoever opens it into an account of its choice. So
routes that work with the cookie (`Route.origin_checked`) refuse such pages. Clients that are no browsers send
neither of the header fields that are looked at. What other routes answer is kept from such pages by CORS.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from cara.errors import Forbidden
from cara.observability.logging import OncePerSecond
from cara.settings import Settings

logger = logging.getLogger(__name__)

MOST_REPORTED = 1_000
_LONGEST_REPORTED: Final = 200
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_OWN_SITES: Final = ("same-origin", "none")
"""`Sec-Fetch-Site` of requests by our own pages, and by the person who uses the browser."""


class OriginRefused(Forbidden):
    code = "origin_refused"
    detail = "Pages of this origin may not call here: it is neither Cara's own nor in FRONTEND_URL."


class Origins:
    """Decides whose pages may use Cara, and reports each origin that is refused to the log, once.

    `frontends` are the origins in `FRONTEND_URL`, without `*`.
    """

    def __init__(self, settings: Settings) -> None:
        self.frontends = frozenset(settings.frontend_url) - {"*"}
        self._any = "*" in settings.frontend_url
        self._production = settings.production
        self._reported: set[str] = set()
        self._may_report = OncePerSecond()

    def require_trusted(self, request: web.Request) -> None:
        """Lets through requests of our own pages, of a front end's, and of clients that are no browsers.

        `Origin` decides; only without it `Sec-Fetch-Site` does.

        Raises:
            OriginRefused: the request is that of another page; it is reported.
        """
        if self._any or self._is_trusted(request):
            return
        self._report(request)
        raise OriginRefused

    def report_untrusted(self, request: web.BaseRequest) -> None:
        """Reports the origin of a page that may not read the response: its developer sees no reason there."""
        if not all(self._may_call(origin, request) for origin in request.headers.getall("Origin", ())):
            self._report(request)

    def _is_trusted(self, request: web.BaseRequest) -> bool:
        if origins := request.headers.getall("Origin", None):
            return all(self._may_call(origin, request) for origin in origins)
        return all(site in _OWN_SITES for site in request.headers.getall("Sec-Fetch-Site", ()))

    def _may_call(self, origin: str, request: web.BaseRequest) -> bool:
        scheme, _, host = origin.lower().partition("://")
        named = f"{scheme}://{_without_default_port(scheme, host)}"
        return named in self.frontends or self._is_own(scheme, host, request)

    def _is_own(self, scheme: str, host: str, request: web.BaseRequest) -> bool:
        """Compares the origin with the `Host` that the browser asked for, whatever its proxies speak with us.

        In production our own pages come by https; those that come by http may be anybody's on the way.
        """
        if scheme not in _DEFAULT_PORTS:
            return False
        if self._production and scheme == "http" and not _is_loopback(host):
            return False
        return _without_default_port(scheme, host) == _without_default_port(scheme, request.host.lower())

    def _report(self, request: web.BaseRequest) -> None:
        """Writes one line for each origin, and at most one a second, for anybody can make up origins."""
        origin = ascii(", ".join(request.headers.getall("Origin", ())))[1:-1][:_LONGEST_REPORTED]
        if origin in self._reported or not self._may_report():
            return
        if len(self._reported) >= MOST_REPORTED:
            self._reported.clear()
        self._reported.add(origin)
        logger.warning(
            "pages of the origin %s may not use Cara: that is neither its own (they asked for the host %s)"
            " nor in FRONTEND_URL (%s)",
            origin or "of another site, which was not sent,",
            ascii(request.host)[1:-1][:_LONGEST_REPORTED],
            ", ".join(sorted(self.frontends)),
        )


def _without_default_port(scheme: str, host: str) -> str:
    return host.removesuffix(_DEFAULT_PORTS.get(scheme, ""))


def _is_loopback(host: str) -> bool:
    return (host if host.endswith("]") else host.rpartition(":")[0] or host) in _LOOPBACK
