"""The emulator's own routes: plan faults, read the ledger, see what was asked. No key is needed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from cara.devtools.emulator.faults import GENERATION, Deviation, Fault, PlannedFault, named
from cara.devtools.emulator.generation import EMULATOR


async def plan_fault(request: web.Request) -> web.Response:
    """`{"fault": "rate_limited", "times": 2}` or `{"fault": …, "rate": 0.2, "seed": 7}`, with
    `retryDelaySeconds`, `afterChunks` and `methods` as further choices."""
    try:
        wanted = await request.json()
        planned = _planned(wanted)
        faults = request.app[EMULATOR].faults
        if "rate" in wanted:
            faults.fail_rate(planned, float(wanted["rate"]), int(wanted.get("seed", 0)))
        else:
            faults.fail_next(planned, int(wanted.get("times", 1)))
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        return web.json_response({"error": str(error), "faults": [*Fault, *Deviation]}, status=400)
    return web.json_response({"planned": planned.fault.value})


def _planned(wanted: dict[str, Any]) -> PlannedFault:
    return PlannedFault(
        named(wanted["fault"]),
        retry_delay_seconds=wanted.get("retryDelaySeconds", 1.0),
        after_chunks=int(wanted.get("afterChunks", 2)),
        methods=frozenset(wanted.get("methods") or GENERATION),
    )


async def clear_faults(request: web.Request) -> web.Response:
    """Nothing fails any more."""
    request.app[EMULATOR].faults.clear()
    return web.Response(status=204)


async def show_ledger(request: web.Request) -> web.Response:
    """The running totals."""
    return web.json_response(request.app[EMULATOR].ledger.as_json())


async def show_requests(request: web.Request) -> web.Response:
    """The latest requests, oldest first."""
    return web.json_response([asdict(asked) for asked in request.app[EMULATOR].requests])
