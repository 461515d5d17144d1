"""HTTP of analytics."""

from contextlib import aclosing
from datetime import UTC, datetime

from aiohttp import web

from cara import audit
from cara.analytics import adoption, event_writer, statistics
from cara.analytics.adoption import AdministratorsOnly
from cara.analytics.event_writer import EventsBusy, EventsNotStored, EventsRefused, EventWriter
from cara.analytics.periods import UTC_ZONE, period_of
from cara.analytics.report_schemas import (
    Adoption,
    AdoptionQuery,
    CsvDownload,
    ExportQuery,
    Statistics,
    StatisticsQuery,
)
from cara.analytics.schemas import Event, EventsAccepted, NewEvent, PostedEvents
from cara.postgres.database import Connection, Database
from cara.web.client_info import client_info
from cara.web.downloads import WHOLE_SECONDS, streaming_download
from cara.web.guard import Caller
from cara.web.models import ApiResponse
from cara.web.routing import Route


async def post_events(
    caller: Caller, database: Database, writer: EventWriter, body: PostedEvents
) -> ApiResponse[Event] | ApiResponse[EventsAccepted]:
    """Store one event, or up to 500; answered when they are durable. The same eventId counts once."""
    posted = body.root
    if isinstance(posted, NewEvent):
        return ApiResponse(await event_writer.store_event(database, writer, caller.user_id, posted))
    return ApiResponse(await event_writer.store_events(writer, caller.user_id, posted.events), status=202)


async def read_statistics(caller: Caller, connection: Connection, query: StatisticsQuery) -> Statistics:
    """Read your statistics: totals, features, days without holes, and trends."""
    return await statistics.statistics_of(connection, caller, query, datetime.now(UTC))


async def read_adoption(
    request: web.Request, caller: Caller, connection: Connection, query: AdoptionQuery
) -> Adoption:
    """Read which features are used: by you, or by everybody for administrators."""
    answer = await adoption.adoption_of(connection, caller, query, datetime.now(UTC))
    if query.scope == "all":
        await _record_admin_read(request, caller, connection)
    return answer


async def export_adoption(
    request: web.Request, caller: Caller, database: Database, query: ExportQuery
) -> web.StreamResponse:
    """Download everybody's adoption by day and feature; for administrators."""
    adoption.require_admin(caller)
    period = period_of(query.from_, query.to, UTC_ZONE, datetime.now(UTC), max_days=adoption.EXPORT_MAX_DAYS)
    # Outside of the transaction, which is rolled back when the client disconnects.
    async with database.acquire() as connection:
        await _record_admin_read(request, caller, connection)
    document = adoption.adoption_document(period)
    if request.method == "HEAD":
        return document.head()
    async with (
        database.snapshot(WHOLE_SECONDS) as connection,
        aclosing(adoption.adoption_lines(connection, period)) as lines,
    ):
        return await streaming_download(request, document, lines)


async def _record_admin_read(request: web.Request, caller: Caller, connection: Connection) -> None:
    """Writes the audit entry of a read; HEAD reads nothing."""
    if request.method != "HEAD":
        await audit.record(connection, "admin_read", client_info(request), caller.user_id, path=request.path)


ROUTES = [
    Route(
        "POST",
        "/api/analytics/events",
        post_events,
        tag="Analytics",
        status=201,
        responses={201: Event, 202: EventsAccepted},
        errors=(EventsRefused, EventsBusy, EventsNotStored),
    ),
    Route("GET", "/api/analytics/stats", read_statistics, tag="Analytics"),
    Route("GET", "/api/analytics/adoption", read_adoption, tag="Analytics", errors=(AdministratorsOnly,)),
    Route(
        "GET",
        "/api/analytics/adoption.csv",
        export_adoption,
        tag="Analytics",
        responses={200: CsvDownload},
        errors=(AdministratorsOnly,),
    ),
]
