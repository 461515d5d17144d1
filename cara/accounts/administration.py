"""What operators do with accounts from the command line: administrators, sign-outs and quotas.

A decision is carried out by the id of the account that was shown, never by its email: meanwhile the account
can be deleted, and somebody else can register its email, which nobody has to confirm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from cara import audit
from cara.accounts import queries
from cara.accounts.authentication import EmailTaken, normalize_email
from cara.accounts.new_passwords import check_new_password
from cara.accounts.passwords import PasswordHasher
from cara.accounts.schemas import Email
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.accounts.sign_outs import sign_out_everywhere
from cara.errors import InvalidInput, NotFound
from cara.postgres.applied_migrations import up_to_date_database
from cara.postgres.database import Connection, new_id
from cara.redis.connections import connection_pool
from cara.settings import Settings

ADMIN_NAME = "Administrator"


class InvalidEmail(InvalidInput):
    detail = "The email is not a valid address; a valid one is operator@example.com."


class AccountNotFound(NotFound):
    detail = "There is no account with this email."


class AccountGone(NotFound):
    detail = "The account was deleted meanwhile."


@dataclass(frozen=True)
class Account:
    """What an operator is shown of an account; the email is as it is stored."""

    id: UUID
    email: str
    name: str
    created_at: datetime
    is_admin: bool
    is_last_admin: bool
    """There is no other administrator."""


async def find_account(settings: Settings, email: str) -> Account | None:
    """Returns the account with this email, in whatever spelling; None if there is none.

    Raises, like every function here:
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: migrations are missing.
    """
    async with _transaction(settings) as connection:
        found = await queries.account_by_email(connection, normalize_email(email))
    return Account(**found) if found else None


def valid_email(email: str) -> str:
    """Returns the email as a new account stores it.

    Raises:
        InvalidEmail: no account can have it.
    """
    try:
        return TypeAdapter[str](Email).validate_python(email)
    except ValidationError:
        raise InvalidEmail from None


async def create_admin(settings: Settings, email: str, password: str) -> None:
    """Creates an account, and makes it an administrator's.

    Raises:
        InvalidEmail: no account can have this email.
        WeakPassword: no account with this email can have this password.
        EmailTaken: somebody has registered the email meanwhile.
    """
    email = valid_email(email)
    check_new_password(password, email=email, name=ADMIN_NAME)
    password_hash = await _hash(settings, password)
    user_id = new_id()
    async with _transaction(settings) as connection:
        if not await queries.insert_user(connection, user_id, email, ADMIN_NAME, None, password_hash):
            raise EmailTaken
        await audit.record(connection, "registered", audit.SYSTEM, user_id)
        await _set_admin(connection, user_id, is_admin=True)


async def set_admin(settings: Settings, user_id: UUID, *, is_admin: bool) -> None:
    """Makes an account an administrator's, or takes that away, for requests from now on.

    Raises:
        AccountGone: the account was deleted.
    """
    async with _transaction(settings) as connection:
        await _set_admin(connection, user_id, is_admin=is_admin)


async def sign_out(settings: Settings, email: str) -> Account:
    """Ends every sign-in of the account with this email; returns whose it is.

    Raises:
        AccountNotFound: no account has this email.
    """
    async with _transaction(settings) as connection:
        found = await queries.account_by_email(connection, normalize_email(email))
        if found is None:
            raise AccountNotFound
        await sign_out_everywhere(connection, found["id"], audit.SYSTEM)
    url = settings.redis_url.get_secret_value()
    async with Redis.from_pool(connection_pool(url, size=1)) as redis:
        await SignOutNotifier(redis).notify(found["id"])
    return Account(**found)


async def set_daily_quota(settings: Settings, email: str, tokens: int | None) -> None:
    """Sets the daily quota of the account with this email; None resets it to that of the settings.

    Raises:
        AccountNotFound: no account has this email.
    """
    async with _transaction(settings) as connection:
        user_id = await queries.set_daily_quota(connection, normalize_email(email), tokens)
        if user_id is None:
            raise AccountNotFound
        details = {} if tokens is None else {"tokens": tokens}
        await audit.record(connection, "quota_set", audit.SYSTEM, user_id, **details)


@asynccontextmanager
async def _transaction(settings: Settings) -> AsyncIterator[Connection]:
    async with up_to_date_database(settings) as database, database.transaction() as connection:
        yield connection


async def _hash(settings: Settings, password: str) -> str:
    hasher = PasswordHasher.of(settings)
    try:
        return await hasher.hash(password)
    finally:
        hasher.close()


async def _set_admin(connection: Connection, user_id: UUID, *, is_admin: bool) -> None:
    if not await queries.set_admin(connection, user_id, is_admin=is_admin):
        raise AccountGone
    await audit.record(connection, "made_admin" if is_admin else "removed_admin", audit.SYSTEM, user_id)
