"""Profiles: what learners see of themselves, and what they can change."""

from __future__ import annotations

from uuid import UUID

from cara.accounts.schemas import Profile, ProfileChanges
from cara.errors import TokenInvalid
from cara.postgres.database import Connection, Record
from cara.users import queries as users
from cara.users.progress import with_current_progress


async def profile_of(connection: Connection, user_id: UUID) -> Profile:
    """Returns the profile of a user.

    Raises:
        TokenInvalid: the account is gone.
    """
    return _profile(await users.learner_by_id(connection, user_id))


async def change_profile(connection: Connection, user_id: UUID, changes: ProfileChanges) -> Profile:
    """Changes the members that were sent, and no others; returns the changed profile.

    Raises:
        TokenInvalid: the account is gone.
    """
    changed = changes.provided()
    return _profile(
        await users.change_profile(
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
    return Profile.model_validate(with_current_progress(user))
