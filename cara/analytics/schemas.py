"""Requests and responses of analytics events, and the event to store."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field, RootModel

from cara.errors import InvalidValue
from cara.json_values import FreeObject, JsonText
from cara.postgres.database import new_id
from cara.web.datetimes import Rfc3339DateTime
from cara.web.free_json import FreeJson
from cara.web.models import Instant, RequestModel, ResponseModel, Spelling, example

MAX_BATCH_EVENTS = 500
MAX_METADATA_BYTES = 8 * 1024
MAX_METADATA_LEVELS = 5
OWN_PREFIX = "cara."
"""Types of the events that Cara writes itself begin with it."""

OWN_VERSION = 8
"""The ids of Cara's own events are UUIDs of this version, which no client may use."""

MAX_AGE = timedelta(days=7)
MAX_LEAD = timedelta(minutes=5)
"""How far `occurredAt` may lie before and after the receipt of the event; it is clamped to this window."""


def _check_type(event_type: str) -> str:
    if event_type.startswith(OWN_PREFIX):
        raise InvalidValue(
            "reserved", f"must not begin with {OWN_PREFIX}: such events are written by Cara itself"
        )
    return event_type


def _check_id(event_id: UUID) -> UUID:
    if event_id.version == OWN_VERSION:
        raise InvalidValue(
            "reserved", f"must not be of version {OWN_VERSION}: such ids are those of Cara's own events"
        )
    return event_id


EventType = Annotated[
    str,
    Field(max_length=64),
    Spelling(
        r"^[A-Za-z][A-Za-z0-9_.:-]*$", "must begin with an ASCII letter, and go on with those, digits, `_.:-`"
    ),
    AfterValidator(_check_type),
]
EventId = Annotated[UUID, AfterValidator(_check_id)]
Metadata = Annotated[FreeObject, FreeJson(MAX_METADATA_BYTES, MAX_METADATA_LEVELS, plain_names=True)]


class NewEvent(RequestModel):
    """Something that a learner did.

    `metadata.featureType` attributes it to a feature. The same `eventId` of a learner counts once, so that
    a post may be repeated. `occurredAt` is believed within a window and clamped to it.
    """

    model_config = example(
        eventType="exercise_opened",
        metadata={"featureType": "conversation", "from": "home"},
        eventId="9b2f4c1a-6d3e-4f50-8a7b-1c2d3e4f5a6b",
        occurredAt="2026-01-31T09:30:00Z",
    )

    event_type: EventType
    metadata: Metadata = Field(default_factory=lambda: JsonText(b"{}"))
    event_id: EventId | None = None
    occurred_at: Rfc3339DateTime | None = None


class NewEvents(RequestModel):
    """Several events at once."""

    model_config = example(events=[{"eventType": "exercise_opened"}, {"eventType": "exercise_finished"}])

    events: Annotated[list[NewEvent], Field(min_length=1, max_length=MAX_BATCH_EVENTS)]


class PostedEvents(RootModel[NewEvent | NewEvents]):
    """One event, or several."""

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Validates what the members say it is, so that problems name members and no alternatives."""
        members = msgspec.json.decode(json_data, type=dict[str, msgspec.Raw])
        kind = NewEvents if "events" in members else NewEvent
        return cls(kind.model_validate_json(json_data, **options))


class Event(ResponseModel):
    """An event as it was first stored; `receivedAt` is when that was."""

    model_config = example(
        eventType="exercise_opened", metadata={"featureType": "conversation", "from": "home"}
    )

    event_id: UUID
    user_id: UUID
    event_type: str
    metadata: FreeObject
    occurred_at: Instant
    received_at: Instant


class EventsAccepted(ResponseModel):
    """How many events of a batch are new, and how many were there before.

    When the database breaks off while it commits, and the batch is written again, events that it had taken
    count as duplicates.
    """

    model_config = example(accepted=2, duplicates=0)

    accepted: int
    duplicates: int


class BeaconAddress(ResponseModel):
    """Where `navigator.sendBeacon` posts events; good until `expiresAt`, or until the sign-in ends."""

    model_config = example(url="/api/analytics/events?token=eyJhbGciOiJIUzI1NiJ9.e30.signature")

    url: str
    expires_at: Instant


@dataclass(frozen=True)
class IncomingEvent:
    """An event to store. Without a time of its own it happened when it was received."""

    user_id: UUID
    event_id: UUID
    event_type: str
    metadata: JsonText
    occurred_at: datetime | None

    @property
    def key(self) -> tuple[UUID, UUID]:
        """Identifies the event: two events with the same key are copies of each other."""
        return self.user_id, self.event_id


def incoming_event(user_id: UUID, event: NewEvent) -> IncomingEvent:
    """Returns the event under its own id, or a new one.

    A client that sends no id cannot repeat the post safely.
    """
    event_id = event.event_id or new_id()
    return IncomingEvent(user_id, event_id, event.event_type, event.metadata, event.occurred_at)


def clamp_timestamp(occurred_at: datetime | None, received_at: datetime) -> datetime:
    """Returns the time that the sender states, clamped to `MAX_AGE` before and `MAX_LEAD` after receipt."""
    if occurred_at is None:
        return received_at
    return max(min(occurred_at, received_at + MAX_LEAD), received_at - MAX_AGE)
