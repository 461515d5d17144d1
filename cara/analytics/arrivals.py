"""Events as they arrive: who sent them, under which id, and when they are believed to have happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cara.analytics.schemas import NewEvent
from cara.postgres.database import new_id

BELIEVED_BACK = timedelta(days=7)
BELIEVED_AHEAD = timedelta(minutes=5)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Arrival:
    """An event that is to be stored; without a time of its own it happens when it is received."""

    user_id: UUID
    event_id: UUID
    event_type: str
    metadata: dict[str, Any]
    occurred_at: datetime | None

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What makes it the same event as another."""
        return self.user_id, self.event_id


def arrival_of(user_id: UUID, event: NewEvent) -> Arrival:
    """The event under its own id, or a new one. Whoever sends no id cannot repeat the post safely."""
    event_id = event.event_id or new_id()
    return Arrival(user_id, event_id, event.event_type, event.metadata, event.occurred_at)


def believed_time(occurred_at: datetime | None, received_at: datetime) -> datetime:
    """When an event happened: what its sender says, but at most 7 days before and 5 minutes after receipt."""
    if occurred_at is None:
        return received_at
    return max(min(occurred_at, received_at + BELIEVED_AHEAD), received_at - BELIEVED_BACK)
