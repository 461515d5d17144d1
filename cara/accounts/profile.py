"""Profiles: what a learner is shown of themselves, and what they may change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cara.accounts import queries
from cara.accounts.schemas import Profile, ProfileChanges
from cara.errors import TokenInvalid
from cara.postgres.database import Connection, Record
from cara.users.progress import streak_at, xp_to_next_level
from cara.users.queries import learner_by_id


def as_shown(user: Record, now: datetime | None = None) -> dict[str, Any]:
    """The user with the streak as it stands today in their time zone, and the way to the next level."""
    now, zone = now or datetime.now(UTC), ZoneInfo(user["timezone"])
    return {
        **user,
        "streak": streak_at(now, zone, user["streak"], user["last_practice_at"]),
        "xp_to_next_level": xp_to_next_level(user["xp"]),
    }


async def profile_of(connection: Connection, user_id: UUID) -> Profile:
    """The profile of a user.

    Raises:
        TokenInvalid: the account is gone.
    """
    return _profile(await learner_by_id(connection, user_id))


async def change_profile(connection: Connection, user_id: UUID, changes: ProfileChanges) -> Profile:
    """Changes what was sent, and nothing else; returns the changed profile.

    Raises:
        TokenInvalid: the account is gone.
    """
    changed = changes.provided()
    return _profile(
        await queries.change_profile(
            connection,
            user_id,
            changed.get("name"),
            changed.get("role"),
            changed.get("timezone"),
            change_role="role" in changed,
        )
    )


def _profile(user: Record | None) -> Profile:
    if user is None:
        raise TokenInvalid
    return Profile.model_validate(as_shown(user))
