"""What is done with accounts from a terminal: making administrators, and giving out quotas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from cara import audit
from cara.accounts import queries
from cara.accounts.emails import Email, normalize_email
from cara.accounts.passwords import Passwords, check_new_password
from cara.errors import InvalidInput, NotFound
from cara.postgres.database import Connection, Database, new_id
from cara.postgres.migrations import up_to_date_database
from cara.settings import Settings

NAME = "Administrator"


class NoEmail(InvalidInput):
    detail = "This is no email address."


class NoAccount(NotFound):
    detail = "There is no account with this email."


def create_admin_now(settings: Settings, email: str, ask_password: Callable[[], str]) -> bool:
    """`create_admin`, for whoever runs no event loop."""
    return asyncio.run(create_admin(settings, email, ask_password))


async def create_admin(settings: Settings, email: str, ask_password: Callable[[], str]) -> bool:
    """Makes the account with this email an administrator's; creates it when there is none.

    The password is asked for only to create an account. Returns whether one was created.

    Raises:
        NoEmail: a new account cannot have this email.
        WeakPassword: a new account cannot have this password.
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: it lacks migrations.
    """
    async with up_to_date_database(settings) as database:
        async with database.transaction() as connection:
            if await _promote(connection, normalize_email(email)):
                return False
        await _create(settings, database, email, ask_password())
        return True


def set_daily_quota_now(settings: Settings, email: str, tokens: int | None) -> None:
    """`set_daily_quota`, for whoever runs no event loop."""
    asyncio.run(set_daily_quota(settings, email, tokens))


async def set_daily_quota(settings: Settings, email: str, tokens: int | None) -> None:
    """Gives the account with this email a daily quota of its own; None gives it that of the settings again.

    Raises:
        NoAccount: there is none.
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: it lacks migrations.
    """
    async with up_to_date_database(settings) as database, database.transaction() as connection:
        user_id = await queries.set_daily_quota(connection, normalize_email(email), tokens)
        if user_id is None:
            raise NoAccount
        told = {} if tokens is None else {"tokens": tokens}
        await audit.record(connection, "quota_set", audit.SYSTEM, user_id, **told)


async def _promote(connection: Connection, email: str) -> bool:
    user_id = await queries.make_admin(connection, email)
    if user_id:
        await audit.record(connection, "made_admin", audit.SYSTEM, user_id)
    return user_id is not None


async def _create(settings: Settings, database: Database, email: str, password: str) -> None:
    try:
        email = TypeAdapter(Email).validate_python(email)
    except ValidationError:
        raise NoEmail from None
    check_new_password(password, email=email, name=NAME)
    passwords = Passwords.of(settings)
    try:
        password_hash = await passwords.hash(password)
    finally:
        passwords.close()
    async with database.transaction() as connection:
        await queries.insert_user(connection, new_id(), email, NAME, None, password_hash)
        await _promote(connection, email)
