"""The same web process, but every request makes an INSERT and a commit of its own: what grouping is measured
against.

    python -m bench.analytics_plain_web
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from cara import server
from cara.analytics import event_queries
from cara.analytics.event_writer import EventWriter, StoredAt, utc_now
from cara.analytics.schemas import IncomingEvent
from cara.app import create_app
from cara.postgres.database import Database
from cara.settings import Settings, read_settings
from cara.web.context import SERVICES, service


class UngroupedWriter:
    """Takes the place of the writer that groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, events: Sequence[IncomingEvent]) -> StoredAt:
        async with self._database.acquire() as connection:
            received_at = utc_now()
            keys = await event_queries.insert_events(connection, events, received_at)
        new = {(key["user_id"], key["id"]) for key in keys}
        return [received_at if event.key in new else None for event in events]


async def _without_groups(app: web.Application) -> AsyncIterator[None]:
    app[SERVICES][EventWriter] = UngroupedWriter(service(app, Database))
    yield


def create_ungrouped_app(settings: Settings) -> web.Application:
    app = create_app(settings)
    app.cleanup_ctx.append(_without_groups)
    return app


if __name__ == "__main__":
    server.create_app = create_ungrouped_app
    server.run_one(read_settings())
