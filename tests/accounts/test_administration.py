"""The commands of operators on accounts, as they are typed at a terminal and as scripts run them."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from uuid import UUID

import pytest
from typer.testing import CliRunner

from cara.accounts import administration
from cara.accounts.administration import AccountGone, AccountNotFound
from cara.accounts.authentication import EmailTaken
from cara.cli import app
from cara.postgres.database import Database
from cara.settings import Settings
from tests.accounts.signing import Client, audited, refresh_refusal, signs_in
from tests.learners import Learner
from tests.waiting import TIMEOUT_SECONDS, time_limit

EVERYBODY = "/api/analytics/adoption?scope=all"
OPERATOR, PASSWORD = "operator@example.com", " a horse of a battery "


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "CARA_ENV": "test",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
    }


async def _cara(settings: Settings, *arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    """Runs a command as a script does; returns its exit code and what it wrote to stdout and stderr."""
    runner = CliRunner(env=_environment(settings))
    # A command has an event loop of its own, hence the thread.
    result = await asyncio.to_thread(runner.invoke, app, arguments, input=stdin)
    return result.exit_code, result.stdout, result.stderr


async def _asked(settings: Settings, *arguments: str, answer: str) -> tuple[int, str, str]:
    """Runs a command at a terminal, but for its stdout; returns exit code, stdout and what was shown."""
    terminal, seen_by_command = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cara", *arguments),
        stdin=seen_by_command,
        stdout=asyncio.subprocess.PIPE,
        stderr=seen_by_command,
        env=os.environ | _environment(settings),
    )
    os.close(seen_by_command)
    try:
        async with time_limit():
            shown = await asyncio.to_thread(_until_asked, terminal)
            os.write(terminal, f"{answer}\n".encode())
            out, _ = await process.communicate()
    finally:
        os.close(terminal)
    return process.returncode or 0, out.decode(), shown


def _until_asked(terminal: int) -> str:
    """Fails if the command ends or is silent instead."""
    shown = b""
    while b"[y/N]: " not in shown:
        assert select.select([terminal], [], [], TIMEOUT_SECONDS)[0], shown
        shown += os.read(terminal, 4096)
    return shown.decode()


async def _is_admin(database: Database, email: str) -> bool | None:
    async with database.acquire() as connection:
        found: bool | None = await connection.fetchval("select is_admin from users where email = $1", email)
    return found


async def test_an_account_is_shown_before_it_becomes_an_administrators(
    settings: Settings, client: Client, database: Database
) -> None:
    squatter = await Learner.registers(client, name="Ops\u2028Root")
    code, out, shown = await _asked(settings, "create-admin", squatter.email.upper(), answer="y")
    assert (code, out) == (0, f"{squatter.email} is an administrator now\n")
    facts = dict(line.split(maxsplit=1) for line in shown.splitlines()[:5])
    assert facts == {
        "id": squatter.user["id"],
        "email": squatter.email,
        "name": "Ops\\u2028Root",
        "registered": squatter.user["createdAt"][:16].replace("T", " ") + " UTC",
        "administrator": "no",
    }
    assert shown.endswith("Make this account an administrator? [y/N]: ")
    await squatter.expects(200, "GET", EVERYBODY)
    assert (await signs_in(client, squatter.email, squatter.password))[0] == 200
    assert await audited(database, squatter) == ["registered", "made_admin", "admin_read", "signed_in"]


async def test_without_a_yes_nothing_changes(
    settings: Settings, learner: Learner, database: Database
) -> None:
    code, out, _ = await _asked(settings, "create-admin", learner.email, answer="")
    assert (code, out) == (1, "")
    code, out, err = await _cara(settings, "create-admin", learner.email, stdin="y\ny\n")
    assert (code, out) == (2, "")
    assert learner.user["id"] in err
    assert "--yes" in err.splitlines()[-1]
    assert await _is_admin(database, learner.email) is False
    assert await audited(database, learner) == ["registered"]


async def test_a_script_is_not_asked_and_may_repeat_itself(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    await administration.set_admin(settings, UUID(other.user["id"]), is_admin=True)
    for command, answer in (
        ("create-admin", "is an administrator now"),
        ("create-admin", "is an administrator already"),
        ("remove-admin", "is no administrator any more"),
        ("remove-admin", "is no administrator"),
    ):
        code, out, _ = await _cara(settings, command, "--yes", learner.email)
        assert (code, out) == (0, f"{learner.email} {answer}\n")
    assert await audited(database, learner) == ["registered", "made_admin", "removed_admin"]


async def test_the_last_administrator_is_removed_after_a_warning_and_reads_nothing_more(
    settings: Settings, learner: Learner, database: Database
) -> None:
    await administration.set_admin(settings, UUID(learner.user["id"]), is_admin=True)
    await learner.expects(200, "GET", EVERYBODY)
    code, out, shown = await _asked(settings, "remove-admin", learner.email, answer="y")
    assert (code, out) == (0, f"{learner.email} is no administrator any more; nobody is\n")
    assert "There is no other administrator." in shown.splitlines()[-1]
    await learner.expects(403, "GET", EVERYBODY)
    assert await audited(database, learner) == [
        *("registered", "made_admin", "admin_read", "removed_admin", "admin_denied")
    ]


async def test_who_has_no_account_is_no_administrator_to_be_removed(settings: Settings) -> None:
    code, out, err = await _cara(settings, "remove-admin", "--yes", "nobody@example.com")
    assert (code, out, err) == (2, "", "cara: There is no account with this email.\n")


async def test_an_operator_ends_every_sign_in(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    async with client.get(job["eventsUrl"]) as stream, time_limit():
        await stream.content.readuntil(b"event: status")
        code, out, err = await _cara(settings, "sign-out", learner.email.upper())
        await stream.content.read()
    assert (code, out, err) == (0, f"{learner.email} is signed out everywhere\n", "")
    assert (await learner.expects(401, "GET", "/api/users/me"))["code"] == "token_invalid"
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_invalid"
    assert await audited(database, learner) == ["registered", "signed_out_everywhere"]
    with pytest.raises(AccountNotFound):
        await administration.sign_out(settings, "nobody@example.com")


async def test_a_new_administrator_takes_the_password_from_stdin(
    settings: Settings, client: Client, database: Database
) -> None:
    code, _, _ = await _cara(settings, "create-admin", OPERATOR, stdin=f"{PASSWORD}\n")
    assert code == 0
    assert await _is_admin(database, OPERATOR) is True
    assert (await signs_in(client, OPERATOR, PASSWORD))[0] == 200


@pytest.mark.parametrize(
    ("email", "stdin", "reason"),
    [
        (OPERATOR, b"12345678\n", "common"),
        (OPERATOR, b"a h\xf6rse of a battery\n", "UTF-8"),
        (OPERATOR, b"", "8 characters"),
        ("nonsense", b"a horse of a battery\n", "email"),
    ],
)
async def test_an_invalid_administrator_is_refused_in_one_line(
    settings: Settings, database: Database, email: str, stdin: bytes, reason: str
) -> None:
    code, out, err = await _cara(settings, "create-admin", email, stdin=stdin)
    assert (code, out) == (2, "")
    assert reason in err.splitlines()[-1]
    assert await _is_admin(database, email) is None


async def test_who_takes_the_email_meanwhile_becomes_no_administrator(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    with pytest.raises(EmailTaken):
        await administration.create_admin(settings, learner.email, PASSWORD)
    await learner.expects(204, "DELETE", "/api/users/me")
    await Learner.registers(client, email=learner.email)
    with pytest.raises(AccountGone):
        await administration.set_admin(settings, UUID(learner.user["id"]), is_admin=True)
    assert await _is_admin(database, learner.email) is False


async def test_a_learner_gets_a_quota_of_their_own_and_the_default_again(
    settings: Settings, learner: Learner, database: Database
) -> None:
    assert (await _cara(settings, "set-quota", learner.email.upper(), "1234"))[0] == 0
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["quota"] == 1234
    await administration.set_daily_quota(settings, learner.email, None)
    usual = (await learner.expects(200, "GET", "/api/gemini/quota"))["quota"]
    assert usual == settings.daily_token_quota
    assert await audited(database, learner) == ["registered", "quota_set", "quota_set"]


async def test_a_quota_for_an_unknown_email_or_below_zero_is_refused(settings: Settings) -> None:
    with pytest.raises(AccountNotFound):
        await administration.set_daily_quota(settings, "nobody@example.com", 10)
    code, _, err = await _cara(settings, "set-quota", "nobody@example.com", "--", "-1")
    assert code == 2
    assert "greater than or equal to 0" in err
