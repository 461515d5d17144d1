"""What operators do with accounts from the command line: making administrators and setting quotas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from cara import audit
from cara.accounts import queries
from cara.accounts.authentication import normalize_email
from cara.accounts.passwords import PasswordHasher, check_new_password
from cara.accounts.schemas import Email
from cara.errors import InvalidInput, NotFound
from cara.postgres.database import Connection, Database, new_id
from cara.postgres.migrations import up_to_date_database
from cara.settings import Settings

ADMIN_NAME = "Administrator"


class InvalidEmail(InvalidInput):
    detail = "The email is not a valid address; a valid one is operator@example.com."


class AccountNotFound(NotFound):
    detail = "There is no account with this email."


def create_admin_now(settings: Settings, email: str, ask_password: Callable[[], str]) -> bool:
    """Runs `create_admin` in an event loop of its own."""
    return asyncio.run(create_admin(settings, email, ask_password))


async def create_admin(settings: Settings, email: str, ask_password: Callable[[], str]) -> bool:
    """Makes the account with this email an administrator's; creates it if there is none.

    Asks for the password only to create an account. Returns whether it created one.

    Raises:
        InvalidEmail: a new account cannot have this email.
        WeakPassword: a new account cannot have this password.
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: migrations are missing.
    """
    async with up_to_date_database(settings) as database:
        async with database.transaction() as connection:
            if await _promote(connection, normalize_email(email)):
                return False
        await _create(settings, database, email, ask_password())
        return True


def set_daily_quota_now(settings: Settings, email: str, tokens: int | None) -> None:
    """Runs `set_daily_quota` in an event loop of its own."""
    asyncio.run(set_daily_quota(settings, email, tokens))


async def set_daily_quota(settings: Settings, email: str, tokens: int | None) -> None:
    """Sets the daily quota of the account with this email; None resets it to that of the settings.

    Raises:
        AccountNotFound: no account has this email.
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: migrations are missing.
    """
    async with up_to_date_database(settings) as database, database.transaction() as connection:
        user_id = await queries.set_daily_quota(connection, normalize_email(email), tokens)
        if user_id is None:
            raise AccountNotFound
        details = {} if tokens is None else {"tokens": tokens}
        await audit.record(connection, "quota_set", audit.SYSTEM, user_id, **details)


async def _promote(connection: Connection, email: str) -> bool:
    user_id = await queries.make_admin(connection, email)
    if user_id:
        await audit.record(connection, "made_admin", audit.SYSTEM, user_id)
    return user_id is not None


async def _create(settings: Settings, database: Database, email: str, password: str) -> None:
    try:
        email = TypeAdapter(Email).validate_python(email)
    except ValidationError:
        raise InvalidEmail from None
    check_new_password(password, email=email, name=ADMIN_NAME)
    hasher = PasswordHasher.of(settings)
    try:
        password_hash = await hasher.hash(password)
    finally:
        hasher.close()
    async with database.transaction() as connection:
        await queries.insert_user(connection, new_id(), email, ADMIN_NAME, None, password_hash)
        await _promote(connection, email)
