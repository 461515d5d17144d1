"""`cara create-admin`, as it is typed."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from cara.database import Database
from cara.settings import Settings
from tests.accounts.signing import Client, audited, signs_in
from tests.learners import Learner

WAIT_SECONDS = 30


async def _create_admin(settings: Settings, email: str, stdin: str = "") -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "CARA_ENV": "test",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cara", "create-admin", email),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    async with asyncio.timeout(WAIT_SECONDS):
        out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()


async def _is_admin(database: Database, email: str) -> bool | None:
    async with database.acquire() as connection:
        found: bool | None = await connection.fetchval("select is_admin from users where email = $1", email)
    return found


async def test_an_account_becomes_an_administrators_and_keeps_its_password(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    code, out, err = await _create_admin(settings, learner.email.upper())
    assert (code, err) == (0, "")
    assert "is an administrator now" in out
    assert await _is_admin(database, learner.email) is True
    assert (await signs_in(client, learner.email, learner.password))[0] == 200
    assert await audited(database, learner) == ["registered", "made_admin", "signed_in"]


async def test_a_new_administrator_takes_the_password_from_stdin(
    settings: Settings, client: Client, database: Database
) -> None:
    code, _, _ = await _create_admin(settings, "operator@example.com", " a horse of a battery \n")
    assert code == 0
    assert await _is_admin(database, "operator@example.com") is True
    assert (await signs_in(client, "operator@example.com", " a horse of a battery "))[0] == 200


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [("operator@example.com", "12345678\n", "common"), ("nonsense", "correct horse battery\n", "email")],
)
async def test_what_cannot_be_an_administrator_is_told_in_a_line(
    settings: Settings, database: Database, email: str, password: str, reason: str
) -> None:
    code, _, err = await _create_admin(settings, email, password)
    assert code == 2
    assert reason in err
    assert "Traceback" not in err
    assert await _is_admin(database, email) is None
