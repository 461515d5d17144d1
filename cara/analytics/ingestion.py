"""Storing the events of one post, and what is answered to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from cara.analytics import event_queries
from cara.analytics.event_writer import EventWriter
from cara.analytics.schemas import EventsAccepted, NewEvent, PlainEvent, clamp_timestamp, incoming_event
from cara.errors import TokenInvalid
from cara.json_values import JsonText
from cara.postgres.database import Database
from cara.web.members import Members


async def store_event(
    database: Database, writer: EventWriter, user_id: UUID, sent: NewEvent | PlainEvent
) -> Members:
    """Stores one event; an event that is already stored is returned as it was first stored.

    Returns the members of `Event`.

    Raises:
        EventsBusy, EventsNotStored, EventsRefused: as `EventWriter.store`.
        TokenInvalid: the account is gone.
    """
    event = incoming_event(user_id, sent)
    (received_at,) = await writer.store([event])
    if received_at:
        occurred_at = clamp_timestamp(event.occurred_at, received_at)
        return _members(user_id, event.event_id, event.event_type, event.metadata, occurred_at, received_at)
    async with database.acquire() as connection:
        row = await event_queries.event_of_user(connection, user_id, event.event_id)
    if row is None:
        raise TokenInvalid
    return _members(
        user_id,
        event.event_id,
        row["event_type"],
        row["metadata"],
        row["occurred_at"],
        row["created_at"],
    )


def _members(
    user_id: UUID,
    event_id: UUID,
    event_type: str,
    metadata: JsonText,
    occurred_at: datetime,
    received_at: datetime,
) -> Members:
    return {
        "eventId": event_id,
        "userId": user_id,
        "eventType": event_type,
        "occurredAt": occurred_at.astimezone(UTC),
        "receivedAt": received_at,
        "metadata": metadata,
    }


async def store_events(
    writer: EventWriter, user_id: UUID, sent: Sequence[NewEvent | PlainEvent]
) -> EventsAccepted:
    """Stores those of the events that are not stored yet, in one transaction.

    Raises:
        EventsBusy, EventsNotStored, EventsRefused: as `EventWriter.store`.
    """
    stored = await writer.store([incoming_event(user_id, event) for event in sent])
    accepted = sum(received_at is not None for received_at in stored)
    return EventsAccepted(accepted=accepted, duplicates=len(stored) - accepted)
