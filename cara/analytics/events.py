"""The rules of ingestion: events in, answers out once they are durable."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from cara.analytics import event_queries
from cara.analytics.arrivals import arrival_of
from cara.analytics.schemas import Event, EventsAccepted, NewEvent
from cara.analytics.writing import EventWriter
from cara.errors import TokenInvalid
from cara.postgres.database import Database, Record


async def store_event(database: Database, writer: EventWriter, user_id: UUID, event: NewEvent) -> Event:
    """Stores one event; one that is there already is answered as it was first stored.

    Raises:
        EventsBusy: try again in a moment.
        EventsNotStored: try again with the same id.
        EventsRefused: there is no use in trying again.
        TokenInvalid: the account is gone.
    """
    arrival = arrival_of(user_id, event)
    (stored,) = await writer.store([arrival])
    if stored is None:
        stored = await _first_copy(database, user_id, arrival.event_id)
    return _shown(stored)


async def store_events(writer: EventWriter, user_id: UUID, events: Sequence[NewEvent]) -> EventsAccepted:
    """Stores several events in one transaction, but for those that are there already.

    Raises:
        EventsBusy, EventsNotStored, EventsRefused: as `store_event`.
    """
    stored = await writer.store([arrival_of(user_id, event) for event in events])
    accepted = sum(row is not None for row in stored)
    return EventsAccepted(accepted=accepted, duplicates=len(stored) - accepted)


async def _first_copy(database: Database, user_id: UUID, event_id: UUID) -> Record:
    async with database.acquire() as connection:
        copy = await event_queries.event_of_user(connection, user_id, event_id)
    if copy is None:
        raise TokenInvalid
    return copy


def _shown(row: Record) -> Event:
    return Event(
        event_id=row["id"],
        event_type=row["event_type"],
        metadata=row["metadata"],
        occurred_at=row["occurred_at"],
        received_at=row["created_at"],
    )
