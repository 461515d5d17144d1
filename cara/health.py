"""Health and readiness, and the OpenAPI document."""

import asyncio

from aiohttp import web
from redis.asyncio import Redis

from cara import __version__
from cara.errors import Unavailable
from cara.postgres.database import Database
from cara.postgres.migrations import missing_migrations
from cara.redis.connections import AWAY
from cara.redis.queue import FEEDBACK_QUEUE, health_key
from cara.web.draining import Draining
from cara.web.models import ApiResponse, ResponseModel
from cara.web.openapi import OpenApiDocument
from cara.web.routing import Route

CHECK_TIMEOUT_SECONDS = 3


class Health(ResponseModel):
    """The process lives."""

    status: str = "ok"
    version: str = __version__


class Readiness(ResponseModel):
    """Whether requests can be served in full; `missing` says in words what is not there."""

    ready: bool
    missing: list[str]


async def health() -> Health:
    """Tell that the process lives."""
    return Health()


async def ready(database: Database, redis: Redis, draining: Draining) -> ApiResponse[Readiness]:
    """Tell whether database, migrations, Redis and a worker are there, and the process is not stopping."""
    if draining.begun:
        return ApiResponse(Readiness(ready=False, missing=["stopping"]), status=503)
    found = await asyncio.gather(_database_problem(database), _redis_problem(redis))
    missing = [problem for problem in found if problem]
    return ApiResponse(Readiness(ready=not missing, missing=missing), status=503 if missing else 200)


async def openapi(document: OpenApiDocument) -> web.Response:
    """Describe this interface in OpenAPI 3.1."""
    return web.Response(body=document.json, content_type="application/json")


async def _database_problem(database: Database) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS), database.acquire() as connection:
            missing = await missing_migrations(connection)
    except (Unavailable, TimeoutError):
        return "the database cannot be reached"
    return f"migrations are missing: {', '.join(missing)}" if missing else None


async def _redis_problem(redis: Redis) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            alive = await redis.exists(health_key(FEEDBACK_QUEUE))
    except AWAY:
        return "redis cannot be reached"
    return None if alive else "no worker was seen lately"


ROUTES = [
    Route("GET", "/health", health, tag="Operations", public=True, limit=None),
    Route(
        "GET",
        "/ready",
        ready,
        tag="Operations",
        public=True,
        limit=None,
        responses={200: Readiness, 503: Readiness},
    ),
    Route("GET", "/api/openapi.json", openapi, tag="Operations", public=True),
]
