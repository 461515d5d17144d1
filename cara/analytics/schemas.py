"""Requests and responses of analytics events, and the event to store.

Events come by the thousand, and nearly all of them are plain: ids and types as they should be, and metadata
without anything that would be taken out of it. Those are read by msgspec, at a fraction of the cost. Whatever
is not plain is left for pydantic, which finds the same limits in the models, and words for what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple, Self, cast
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field, RootModel

from cara.errors import InvalidValue
from cara.json_values import FreeObject, JsonText
from cara.postgres.database import new_id
from cara.web.datetimes import Rfc3339DateTime, parse_datetime
from cara.web.free_json import FreeJson, is_plain
from cara.web.models import Instant, PlainlyRead, RequestModel, ResponseModel, Spelling, example
from cara.web.strict_json import is_deeper

MAX_BATCH_EVENTS = 500
MAX_TYPE_CHARACTERS = 64
TYPE_PATTERN = r"^[A-Za-z][A-Za-z0-9_.:-]*$"
_TYPE: Final = re.compile(TYPE_PATTERN)
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
    Field(max_length=MAX_TYPE_CHARACTERS),
    Spelling(TYPE_PATTERN, "must begin with an ASCII letter, and go on with those, digits, `_.:-`"),
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


class PlainEvent(NamedTuple):
    """What `NewEvent` holds, read without pydantic."""

    event_type: str
    metadata: JsonText
    event_id: UUID | None
    occurred_at: datetime | None


class PostedEvents(RootModel[NewEvent | NewEvents], PlainlyRead):
    """One event, or several."""

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Validates what the members say it is, so that problems name members and no alternatives."""
        members = msgspec.json.decode(json_data, type=dict[str, msgspec.Raw])
        kind = NewEvents if "events" in members else NewEvent
        return cls(kind.model_validate_json(json_data, **options))

    @classmethod
    def read_plain(cls, sent: Mapping[str, object], raw: bytes) -> Self | None:
        """Returns the body with plain events in the place of models."""
        if not is_plain(raw.decode()):
            return None
        try:
            root: Any = _plain_root(msgspec.json.format(raw, indent=-1), is_batch="events" in sent)
        except (msgspec.ValidationError, InvalidValue):
            return None
        return cast("Self", cls.model_construct(root))

    @property
    def is_batch(self) -> bool:
        """Whether it was sent as a batch, be it of a single event."""
        return isinstance(self.root, NewEvents | _PlainBatch)

    @property
    def events(self) -> Sequence[NewEvent | PlainEvent]:
        """All events, in order."""
        root: Any = self.root
        return root.events if self.is_batch else [root]


class _Event(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    event_type: str
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    event_id: UUID | None = None
    occurred_at: str | None = None


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    events: list[_Event]


_EVENTS: Final = msgspec.json.Decoder(_Event)
_BATCHES: Final = msgspec.json.Decoder(_Batch)


class _PlainBatch(NamedTuple):
    events: Sequence[PlainEvent]


def _plain_root(compact: bytes, *, is_batch: bool) -> PlainEvent | _PlainBatch:
    """Raises msgspec.ValidationError or InvalidValue for what is not plain."""
    if not is_batch:
        return _plain_event(_EVENTS.decode(compact))
    events = _BATCHES.decode(compact).events
    if not 1 <= len(events) <= MAX_BATCH_EVENTS:
        raise InvalidValue("invalid", "is not plain")
    return _PlainBatch([_plain_event(event) for event in events])


def _plain_event(event: _Event) -> PlainEvent:
    event_type, metadata = event.event_type, bytes(event.metadata)
    if not (
        len(event_type) <= MAX_TYPE_CHARACTERS
        and _TYPE.fullmatch(event_type)
        and metadata.startswith(b"{")
        and len(metadata) <= MAX_METADATA_BYTES
        and not is_deeper(metadata, MAX_METADATA_LEVELS)
    ):
        raise InvalidValue("invalid", "is not plain")
    return PlainEvent(
        _check_type(event_type),
        JsonText(metadata),
        _check_id(event.event_id) if event.event_id else None,
        parse_datetime(event.occurred_at) if event.occurred_at is not None else None,
    )


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


class IncomingEvent(NamedTuple):
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


def incoming_event(user_id: UUID, event: NewEvent | PlainEvent) -> IncomingEvent:
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
