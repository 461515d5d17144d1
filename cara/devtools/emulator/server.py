"""The emulator as an application, its control routes, and running it inside an event loop.

The control routes plan faults, show the ledger, and list the recorded requests. They need a key of their own,
`X-Emulator-Key`, which only the one who started the emulator knows: neither a page in a browser nor another
user can make calls fail, or read what was asked.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from cara.devtools.emulator import dialect
from cara.devtools.emulator.emulator import Emulator, EmulatorSettings
from cara.devtools.emulator.faults import (
    GENERATION,
    Deviation,
    Fault,
    PlannedFault,
    WireDeviation,
    named,
)
from cara.devtools.emulator.generation import EMULATOR, answer

MAX_BODY_BYTES = 8 * 1024 * 1024
SHUTDOWN_SECONDS = 0.5
CONTROL_KEY_FIELD = "X-Emulator-Key"
ALL_SWITCHES = [*Fault, *Deviation, *WireDeviation]

__all__ = [
    "CONTROL_KEY_FIELD",
    "EMULATOR",
    "Emulator",
    "EmulatorSettings",
    "RunningEmulator",
    "create_emulator",
    "running_emulator",
]


@dataclass(frozen=True)
class RunningEmulator:
    """A running emulator and its URL."""

    url: str
    emulator: Emulator

    @property
    def control(self) -> dict[str, str]:
        """The header field that opens the control routes."""
        return {CONTROL_KEY_FIELD: self.emulator.control_key}


@asynccontextmanager
async def running_emulator(
    settings: EmulatorSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    control_key: str | None = None,
) -> AsyncIterator[RunningEmulator]:
    """Serves while the block runs; port 0 picks a free port. Open streams end with the block."""
    app = create_emulator(settings, control_key)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield RunningEmulator("http://{}:{}".format(*runner.addresses[0][:2]), app[EMULATOR])
    finally:
        await runner.cleanup()


def create_emulator(
    settings: EmulatorSettings | None = None, control_key: str | None = None
) -> web.Application:
    """Returns the emulator as an application; `app[EMULATOR]` has its faults, ledger and recorded requests.

    Run it with `handler_cancellation=True`, so that it notices at once when a client disconnects.
    """
    emulator = Emulator(settings or EmulatorSettings(), control_key)
    app = web.Application(middlewares=[require_key], client_max_size=MAX_BODY_BYTES)
    app[EMULATOR] = emulator
    app.add_routes(
        [
            web.post("/emulator/faults", plan_fault),
            web.delete("/emulator/faults", clear_faults),
            web.get("/emulator/ledger", show_ledger),
            web.get("/emulator/requests", show_requests),
            web.post("/{version}/models/{model:[^/:]+}:{method}", answer),
        ]
    )
    app.on_shutdown.append(_stop)
    return app


@web.middleware
async def require_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses a call without the key, in the words of Gemini; on the control routes, without theirs."""
    if request.path.startswith("/emulator/"):
        return await handler(request) if _may_control(request) else control_refused()
    key, wanted = request.headers.get("x-goog-api-key"), request.app[EMULATOR].settings.api_key
    if not key:
        return dialect.missing_key()
    if wanted is not None and key != wanted:
        return dialect.bad_key()
    return await handler(request)


def _may_control(request: web.Request) -> bool:
    offered = request.headers.get(CONTROL_KEY_FIELD, "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(offered, request.app[EMULATOR].control_key.encode())


def control_refused() -> web.Response:
    """Returns the response to a request without the key of the control routes."""
    message = f"{CONTROL_KEY_FIELD} must hold the key that this emulator was started with"
    return web.json_response({"error": message}, status=403)


async def _stop(app: web.Application) -> None:
    app[EMULATOR].stop()


async def plan_fault(request: web.Request) -> web.Response:
    """Plans a fault for the next requests, or at a rate.

    The body is `{"fault": "rate_limited", "times": 2}` or `{"fault": …, "rate": 0.2, "seed": 7}`, with
    `retryDelaySeconds`, `afterChunks`, `methods`, and `also` (more of them for the same request) as options.
    """
    try:
        body = await request.json()
        planned = _planned(body)
        faults = request.app[EMULATOR].faults
        if "rate" in body:
            faults.fail_rate(planned, float(body["rate"]), int(body.get("seed", 0)))
        else:
            faults.fail_next(planned, int(body.get("times", 1)))
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        return web.json_response({"error": str(error), "faults": ALL_SWITCHES}, status=400)
    return web.json_response({"planned": planned.fault.value})


def _planned(body: dict[str, Any]) -> PlannedFault:
    return PlannedFault(
        named(body["fault"]),
        retry_delay_seconds=body.get("retryDelaySeconds", 1.0),
        after_chunks=int(body.get("afterChunks", 2)),
        methods=frozenset(body.get("methods") or GENERATION),
        also=frozenset(named(name) for name in body.get("also", ())),
    )


async def clear_faults(request: web.Request) -> web.Response:
    """Removes all planned faults."""
    request.app[EMULATOR].faults.clear()
    return web.Response(status=204)


async def show_ledger(request: web.Request) -> web.Response:
    """Answers with the running totals."""
    return web.json_response(request.app[EMULATOR].ledger.as_json())


async def show_requests(request: web.Request) -> web.Response:
    """Answers with the latest requests, oldest first."""
    return web.json_response([asdict(recorded) for recorded in request.app[EMULATOR].requests])
