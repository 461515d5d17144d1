"""Fills a development database with learners and their practice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cara.accounts.passwords import PasswordHasher
from cara.accounts.queries import insert_user
from cara.devtools.dev import refuse_production
from cara.devtools.seed import queries
from cara.devtools.seed.practice import past_sessions
from cara.postgres.database import Connection, Database, new_id
from cara.postgres.migrations import up_to_date_database
from cara.settings import Settings
from cara.users.progress import award_completion

PASSWORD = "practice makes better"  # noqa: S105 - known to everybody, for development alone
NAMES = ("Ada", "Björn", "Chidi", "Dolores", "Emre", "Farida", "Gwen", "Hana", "Ismael", "Jun")


def run(settings: Settings, *, learners: int, weeks: int) -> list[str]:
    """The emails of the learners who were added; those who are there already stay as they are.

    Raises NotInProduction, DatabaseAway or DatabaseBehind.
    """
    refuse_production(settings.environment)
    return asyncio.run(_seed(settings, learners, weeks))


async def _seed(settings: Settings, learners: int, weeks: int) -> list[str]:
    passwords = PasswordHasher(threads=1)
    try:
        async with up_to_date_database(settings) as database:
            password_hash = await passwords.hash(PASSWORD)
            added = [await _add(database, number, weeks, password_hash) for number in range(1, learners + 1)]
    finally:
        passwords.close()
    return [email for email in added if email]


async def _add(database: Database, number: int, weeks: int, password_hash: str) -> str | None:
    """One learner with all of their practice, or nothing; None when they are there already."""
    email, name = f"learner{number}@example.com", NAMES[(number - 1) % len(NAMES)]
    user_id = new_id()
    async with database.transaction() as connection:
        if await insert_user(connection, user_id, email, name, "Learner", password_hash) is None:
            return None
        await _practise(connection, user_id, random.Random(number), weeks)
    return email


async def _practise(connection: Connection, user_id: UUID, chance: random.Random, weeks: int) -> None:
    now = datetime.now(UTC)
    await queries.join_in_the_past(connection, user_id, now - timedelta(weeks=weeks, days=1))
    for past in past_sessions(chance, now, weeks):
        await queries.insert_past_session(connection, user_id, new_id(), past)
        await award_completion(
            connection,
            user_id,
            score=past.scores["overall"],
            duration_seconds=past.duration_seconds,
            completed_at=past.completed_at,
        )


def told(added: Sequence[str]) -> str:
    """What was done, for the person at the terminal."""
    if not added:
        return "all of them are there already"
    return f"added {', '.join(added)}; their password is: {PASSWORD}"
