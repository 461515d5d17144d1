"""Making administrators, from a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from cara.accounts import audit, queries
from cara.accounts.emails import Email, spelling_of_the_account
from cara.accounts.passwords import Passwords, check_new_password
from cara.database import Connection, Database
from cara.errors import InvalidInput
from cara.identifiers import new_id
from cara.schema_version import DatabaseBehind, missing_migrations
from cara.settings import Settings

NAME = "Administrator"


class NoEmail(InvalidInput):
    detail = "This is no email address."


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
    database = await Database.connect(settings)
    try:
        async with database.transaction() as connection:
            if missing := await missing_migrations(connection):
                raise DatabaseBehind(missing)
            if await _promote(connection, spelling_of_the_account(email)):
                return False
        await _create(settings, database, email, ask_password())
        return True
    finally:
        await database.close()


async def _promote(connection: Connection, email: str) -> bool:
    user_id = await queries.make_admin(connection, email)
    if user_id:
        await audit.record(connection, "made_admin", audit.NOBODY, user_id)
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
