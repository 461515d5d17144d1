"""HTTP of analytics."""

from contextlib import aclosing
from datetime import UTC, datetime

from aiohttp import web

from cara.admin_access import record_admin_read, require_admin
from cara.analytics import adoption, ingestion, statistics
from cara.analytics.beacons import BEACON_TOKEN, EVENTS_PATH, BeaconAddress, BeaconTokenInvalid, BeaconTokens
from cara.analytics.event_writer import EventsBusy, EventsNotStored, EventsRefused, EventWriter
from cara.analytics.periods import UTC_ZONE, period_of
from cara.analytics.report_schemas import (
    Adoption,
    AdoptionQuery,
    ExportQuery,
    Statistics,
    StatisticsQuery,
)
from cara.analytics.schemas import Event, EventsAccepted, PostedEvents
from cara.errors import AdministratorsOnly
from cara.postgres.database import Connection, Database
from cara.web.compression import accepts_gzip
from cara.web.downloads import WHOLE_SECONDS, Downloads, DownloadsBusy
from cara.web.guard import Caller
from cara.web.json_body import BODY_BYTES
from cara.web.models import ApiResponse
from cara.web.routing import BEARER, Content, Route
from cara.web.storage_limit import StorageLimit, StorageLimitReached


async def post_events(
    request: web.Request,
    caller: Caller,
    database: Database,
    writer: EventWriter,
    storage: StorageLimit,
    body: PostedEvents,
) -> ApiResponse[Event] | ApiResponse[EventsAccepted]:
    """Store one event, or up to 500.

    The response comes when they are durable. The same `eventId` counts once, so that a post can be repeated.
    Whoever has the `token` of a beacon's address needs no other one, and may send the JSON as text/plain:
    `navigator.sendBeacon(url, JSON.stringify(event))` while the page is being left.
    """
    events = body.events
    await storage.count(caller.user_id, request[BODY_BYTES], rows=len(events))
    if body.is_batch:
        return ApiResponse(await ingestion.store_events(writer, caller.user_id, events), status=202)
    return ApiResponse(await ingestion.store_event(database, writer, caller.user_id, events[0]))


async def issue_beacon_address(caller: Caller, beacon_tokens: BeaconTokens) -> BeaconAddress:
    """Get an address for beacons.

    `navigator.sendBeacon` can send no Authorization field, so get the address when the page opens. Its token
    posts events and opens nothing else, for as long as the sign-in lasts and for a day at most.
    """
    return beacon_tokens.address(caller.claims)


async def read_statistics(
    caller: Caller, connection: Connection, query: StatisticsQuery
) -> ApiResponse[Statistics]:
    """Read your statistics.

    Totals, features, days without holes, and trends, all of them as of `asOf`.
    """
    return ApiResponse(await statistics.statistics_of(connection, caller, query, datetime.now(UTC)))


async def read_adoption(
    request: web.Request, caller: Caller, connection: Connection, query: AdoptionQuery
) -> Adoption:
    """Read which features are used.

    By you, or with `scope=all` by everybody, which only administrators see.
    """
    if query.scope == "all":
        await require_admin(request, caller, connection)
    answer = await adoption.adoption_of(connection, caller, query, datetime.now(UTC))
    if query.scope == "all":
        await record_admin_read(request, caller, connection)
    return answer


async def export_adoption(
    request: web.Request, caller: Caller, database: Database, downloads: Downloads, query: ExportQuery
) -> web.StreamResponse:
    """Download everybody's adoption by day and feature.

    Only for administrators. A row for each day and feature; one without a feature counts any activity.
    """
    async with database.acquire() as connection:
        await require_admin(request, caller, connection)
    period = period_of(query.from_, query.to, UTC_ZONE, datetime.now(UTC), max_days=adoption.EXPORT_MAX_DAYS)
    document, compressed = adoption.adoption_document(period), accepts_gzip(request)
    if request.method == "HEAD":
        return document.head(compressed=compressed)
    async with downloads.spool(caller.user_id, compressed=compressed) as spool:
        async with database.acquire() as connection:
            # Outside of the snapshot, which is rolled back when the client disconnects.
            await record_admin_read(request, caller, connection)
        async with (
            database.snapshot(WHOLE_SECONDS) as connection,
            aclosing(adoption.adoption_lines(connection, period)) as lines,
        ):
            await spool.fill(lines)
        return await spool.send(request, document)


ROUTES = [
    Route(
        "POST",
        EVENTS_PATH,
        post_events,
        tag="Analytics",
        status=201,
        security=(BEARER, BEACON_TOKEN),
        tokens=BeaconTokens,
        responses={201: Event, 202: EventsAccepted},
        errors=(BeaconTokenInvalid, EventsRefused, StorageLimitReached, EventsBusy, EventsNotStored),
    ),
    Route(
        "POST",
        "/api/analytics/beacon-addresses",
        issue_beacon_address,
        tag="Analytics",
        status=201,
    ),
    Route("GET", "/api/analytics/stats", read_statistics, tag="Analytics"),
    Route("GET", "/api/analytics/adoption", read_adoption, tag="Analytics", errors=(AdministratorsOnly,)),
    Route(
        "GET",
        "/api/analytics/adoption.csv",
        export_adoption,
        tag="Analytics",
        responses={200: Content("text/csv", adoption.EXPORT_EXAMPLE)},
        errors=(AdministratorsOnly, DownloadsBusy),
    ),
]
