"""`cara create-admin` and `cara set-quota`, as they are typed."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from cara.postgres.database import Database
from cara.settings import Settings
from tests.accounts.signing import Client, audited, signs_in
from tests.learners import Learner
from tests.waiting import time_limit


async def _cara(settings: Settings, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "CARA_ENV": "test",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cara", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    async with time_limit():
        out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()


async def _is_admin(database: Database, email: str) -> bool | None:
    async with database.acquire() as connection:
        found: bool | None = await connection.fetchval("select is_admin from users where email = $1", email)
    return found


async def test_an_account_becomes_an_administrators_and_keeps_its_password(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    code, out, err = await _cara(settings, "create-admin", learner.email.upper())
    assert (code, err) == (0, "")
    assert "is an administrator now" in out
    assert await _is_admin(database, learner.email) is True
    assert (await signs_in(client, learner.email, learner.password))[0] == 200
    assert await audited(database, learner) == ["registered", "made_admin", "signed_in"]


async def test_a_new_administrator_takes_the_password_from_stdin(
    settings: Settings, client: Client, database: Database
) -> None:
    code, _, _ = await _cara(
        settings, "create-admin", "operator@example.com", stdin=" a horse of a battery \n"
    )
    assert code == 0
    assert await _is_admin(database, "operator@example.com") is True
    assert (await signs_in(client, "operator@example.com", " a horse of a battery "))[0] == 200


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [("operator@example.com", "12345678\n", "common"), ("nonsense", "correct horse battery\n", "email")],
)
async def test_an_invalid_administrator_is_refused_in_one_line(
    settings: Settings, database: Database, email: str, password: str, reason: str
) -> None:
    code, _, err = await _cara(settings, "create-admin", email, stdin=password)
    assert code == 2
    assert reason in err
    assert "Traceback" not in err
    assert await _is_admin(database, email) is None


async def test_a_learner_gets_a_quota_of_their_own_and_the_default_again(
    settings: Settings, learner: Learner, database: Database
) -> None:
    assert (await _cara(settings, "set-quota", learner.email.upper(), "1234"))[0] == 0
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["quota"] == 1234
    assert (await _cara(settings, "set-quota", learner.email))[0] == 0
    usual = (await learner.expects(200, "GET", "/api/gemini/quota"))["quota"]
    assert usual == settings.daily_token_quota
    assert await audited(database, learner) == ["registered", "quota_set", "quota_set"]


@pytest.mark.parametrize(("email", "tokens"), [("nobody@example.com", "10"), ("nobody@example.com", "-1")])
async def test_a_quota_for_an_unknown_email_or_below_zero_is_refused(
    settings: Settings, email: str, tokens: str
) -> None:
    code, _, err = await _cara(settings, "set-quota", email, "--", tokens)
    assert code == 2
    assert "Traceback" not in err
