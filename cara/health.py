"""Health and readiness, and the OpenAPI document."""

import asyncio

from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from cara import __version__
from cara.postgres.applied_migrations import missing_migrations
from cara.postgres.connections import is_read_only
from cara.postgres.database import Database
from cara.postgres.errors import (
    DatabaseBusy,
    DatabaseCrowded,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseSlow,
    DatabaseTrouble,
)
from cara.redis.connections import AWAY
from cara.redis.queue import FEEDBACK_QUEUE, health_key
from cara.web.draining import Draining
from cara.web.models import ApiResponse, ResponseModel, example
from cara.web.openapi import OpenApiDocument
from cara.web.routing import ANY_OBJECT, Content, Route

CHECK_SECONDS = 2.5
"""For each of the checks, which run at the same time: load balancers wait for three seconds or more."""

_RELEASE_SECONDS = 0.3
"""Of those, what is left to give the connection back, and to say that none was free."""

MET_SECONDS = 10.0
"""That a disk is full only shows when something is written, and that connections are lacking when many are
needed: so long it counts what a request has met."""

_NO_CONNECTION = "no connection to the database is free"
_PROBE_KEY = "cara:ready"


class Health(ResponseModel):
    """The process lives."""

    model_config = example(status="ok", version=__version__)

    status: str = "ok"
    version: str = __version__


class Readiness(ResponseModel):
    """Whether requests can be served in full; `missing` says in words what is not there."""

    model_config = example(ready=True, missing=[])

    ready: bool
    missing: list[str]


async def health() -> Health:
    """Tell that the process lives.

    It says nothing of what the process needs to serve requests: `/ready` does.
    """
    return Health()


async def ready(database: Database, redis: Redis, draining: Draining) -> ApiResponse[Readiness]:
    """Tell whether database, migrations, Redis and a worker are there, and whether both take writes.

    A process that is stopping says so, and looks for nothing else.
    """
    if draining.begun:
        return ApiResponse(Readiness(ready=False, missing=["stopping"]), status=503)
    found = await asyncio.gather(_database_problem(database), _redis_problem(redis))
    missing = [problem for problem in found if problem]
    return ApiResponse(Readiness(ready=not missing, missing=missing), status=503 if missing else 200)


async def openapi(document: OpenApiDocument) -> web.Response:
    """Describe this interface in OpenAPI 3.1.

    Made from the annotations that the handlers run by; `cara openapi` prints the same.
    """
    body = await asyncio.to_thread(getattr, document, "json")
    return web.Response(body=body, content_type="application/json")


async def _database_problem(database: Database) -> str | None:
    """Checks on a connection of the pool: when all of them hang, no request can be served either."""
    try:
        seconds = CHECK_SECONDS - _RELEASE_SECONDS
        async with asyncio.timeout(CHECK_SECONDS), database.acquire(seconds=seconds) as connection:
            if await is_read_only(connection):
                raise DatabaseReadOnly
            missing = await missing_migrations(connection)
    except DatabaseReadOnly:
        return "the database is read-only"
    except DatabaseBusy:
        return _NO_CONNECTION
    except (DatabaseSlow, TimeoutError):
        return "the database does not answer in time"
    except DatabaseTrouble:
        return "the database cannot be reached"
    if database.outage.failed_within(DatabaseFull.code, MET_SECONDS):
        return "the database has no room left"
    if database.outage.failed_within(DatabaseCrowded.code, MET_SECONDS):
        return _NO_CONNECTION
    return f"migrations are missing: {', '.join(missing)}" if missing else None


async def _redis_problem(redis: Redis) -> str | None:
    """Checks with a write: a full server, or a replica, answers reads as if nothing were wrong."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await redis.set(_PROBE_KEY, "1", ex=10)
            alive = await redis.exists(health_key(FEEDBACK_QUEUE))
    except OutOfMemoryError:
        return "redis is full"
    except ReadOnlyError:
        return "redis is read-only"
    except ResponseError:
        return "redis refuses writes"
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
    Route(
        "GET",
        "/api/openapi.json",
        openapi,
        tag="Operations",
        public=True,
        responses={200: Content("application/json", {"openapi": "3.1.0", "paths": {}}, ANY_OBJECT)},
    ),
]
