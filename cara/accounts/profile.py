"""Profiles: what learners see of themselves, and what they can change."""

from __future__ import annotations

from uuid import UUID

from cara import audit
from cara.accounts.schemas import Profile, ProfileChanges, User
from cara.errors import TokenInvalid
from cara.postgres.database import Connection, Record
from cara.users import queries as users
from cara.users.progress import with_current_progress
from cara.web.client_info import ClientInfo
from cara.web.members import Members, members_of

_USER_OF, _PROFILE_OF = members_of(User), members_of(Profile)


def user_of(learner: Record) -> Members:
    """Returns the members of `User` of a learner's row, with the streak as of now."""
    return _USER_OF(with_current_progress(learner))


def profile_of(learner: Record) -> Members:
    """Returns the members of `Profile` of a learner's row, with the streak as of now."""
    return _PROFILE_OF(with_current_progress(learner))


async def change_profile(
    connection: Connection, user_id: UUID, changes: ProfileChanges, client: ClientInfo
) -> Members:
    """Changes the members that were sent, and no others, in the caller's transaction; returns the profile.

    Raises:
        TokenInvalid: the account is gone.
    """
    sent = changes.provided()
    user = await users.change_profile(
        connection,
        user_id,
        sent.get("name"),
        sent.get("role"),
        sent.get("timezone"),
        change_role="role" in sent,
    )
    if user is None:
        raise TokenInvalid
    if user["changed"]:
        await audit.record(connection, "profile_changed", client, user_id, members=user["changed"])
    return profile_of(user)
