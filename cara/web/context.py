"""Typed keys of what an application and a request carry."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web

Service = TypeVar("Service")

SERVICES = web.AppKey("services", dict[Any, Any])
"""The services of an application by their types; what runs for each request reads them here."""

REQUEST_ID = web.RequestKey("request_id", str)
CALLER_ID = web.RequestKey("caller_id", UUID)
CLIENT_ADDRESS = web.RequestKey("client_address", str)
LOGGED_LATER = web.RequestKey("logged_later", bool)
"""Stands in a request whose response outlasts its handler: who sends it writes the access line at its end."""


def provide(app: web.Application, kind: Any, service: Any) -> None:
    """Makes a service available to every handler that names its type."""
    app[SERVICES][kind] = service


def service(app: web.Application, kind: type[Service]) -> Service:
    """Returns the service of that type, for the wiring; a KeyError is a mistake in it."""
    found: Service = app[SERVICES][kind]
    return found
