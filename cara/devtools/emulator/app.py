"""Puts the emulator together."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from cara.devtools.emulator import control, dialect
from cara.devtools.emulator.emulator import Emulator, EmulatorSettings
from cara.devtools.emulator.generation import EMULATOR, answer

MAX_BODY_BYTES = 8 * 1024 * 1024

__all__ = ["EMULATOR", "Emulator", "EmulatorSettings", "create_emulator"]


def create_emulator(settings: EmulatorSettings | None = None) -> web.Application:
    """The emulator as an application; `app[EMULATOR]` plans faults and tells what was asked and served.

    Run it with `handler_cancellation=True`, so that a client's leaving is noticed at once.
    """
    emulator = Emulator(settings or EmulatorSettings())
    app = web.Application(middlewares=[require_key], client_max_size=MAX_BODY_BYTES)
    app[EMULATOR] = emulator
    app.add_routes(
        [
            web.post("/emulator/faults", control.plan_fault),
            web.delete("/emulator/faults", control.clear_faults),
            web.get("/emulator/ledger", control.show_ledger),
            web.get("/emulator/requests", control.show_requests),
            web.post("/{version}/models/{model:[^/:]+}:{method}", answer),
        ]
    )
    app.on_shutdown.append(_stop)
    return app


@web.middleware
async def require_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses a model call without the key, as Gemini words it."""
    if request.path.startswith("/emulator/"):
        return await handler(request)
    key, wanted = request.headers.get("x-goog-api-key"), request.app[EMULATOR].settings.api_key
    if not key:
        return dialect.missing_key()
    if wanted is not None and key != wanted:
        return dialect.bad_key()
    return await handler(request)


async def _stop(app: web.Application) -> None:
    app[EMULATOR].stop()
