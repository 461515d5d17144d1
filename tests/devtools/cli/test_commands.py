"""The other commands of `cara`, run at a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from secrets import token_urlsafe
from uuid import uuid4

import psycopg
import pytest

from cara.devtools.servers.ports import free_port
from tests.conftest import RunningEmulator
from tests.devtools.cli.terminal import cara_command, running
from tests.servers import Servers

NOWHERE = {"DATABASE_URL": "postgresql://cara:hidden@127.0.0.1:1/cara", "REDIS_URL": "redis://127.0.0.1:1"}
SECRET = "the-secret-of-the-tests-32-bytes-long"


@pytest.fixture
def settings(database_url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}


@pytest.fixture
def empty_database_url(servers: Servers) -> str:
    with servers.database(f"test_{uuid4().hex}", template="template0") as url:
        yield url


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_settings_all_that_is_missing_is_named(tmp_path: Path, command: str) -> None:
    refused = cara_command(command, folder=tmp_path)
    assert refused.returncode == 2
    for variable in ("DATABASE_URL", "REDIS_URL", "JWT_SECRET"):
        assert f"{variable} is missing" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("command", [("serve",), ("worker",), ("migrate", "up"), ("seed",), ("rollup",)])
def test_an_unreachable_database_is_reported_in_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = cara_command(*command, folder=tmp_path, JWT_SECRET=SECRET, **NOWHERE)
    assert refused.returncode != 0
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "the database cannot be" in refused.stderr
    assert "hidden" not in refused.stderr


def test_a_read_only_database_is_reported_in_one_line(tmp_path: Path, settings: dict[str, str]) -> None:
    settings["DATABASE_URL"] += "&options=-c default_transaction_read_only=on"
    refused = cara_command("rollup", folder=tmp_path, **settings)
    assert refused.returncode == 2
    (line,) = refused.stderr.strip().splitlines()
    assert line.endswith("in a read-only transaction")
    assert cara_command("migrate", "status", folder=tmp_path, **settings).returncode == 0


def test_migrate_applies_rolls_back_and_shows_the_status(tmp_path: Path, empty_database_url: str) -> None:
    settings = {"DATABASE_URL": empty_database_url}
    before = cara_command("migrate", "status", folder=tmp_path, **settings)
    assert before.returncode == 1
    assert "missing  0001_users" in before.stdout
    assert "applied: 0001_users" in cara_command("migrate", "up", folder=tmp_path, **settings).stdout
    assert cara_command("migrate", "status", folder=tmp_path, **settings).returncode == 0
    again = cara_command("migrate", "up", folder=tmp_path, **settings)
    assert again.stdout == "the database is up to date\n"
    undone = cara_command("migrate", "down", "--steps", "2", folder=tmp_path, **settings)
    assert undone.stdout.startswith("rolled back: ")
    assert cara_command("migrate", "status", folder=tmp_path, **settings).returncode == 1


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_database_that_is_behind_is_not_served(
    tmp_path: Path, empty_database_url: str, redis_url: str, command: str
) -> None:
    settings = {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    refused = cara_command(command, folder=tmp_path, **settings)
    assert refused.returncode == 1
    assert "run `cara migrate up`" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_database_that_is_behind_is_not_rolled_up(
    tmp_path: Path, empty_database_url: str, settings: dict[str, str]
) -> None:
    refused = cara_command("rollup", folder=tmp_path, **{**settings, "DATABASE_URL": empty_database_url})
    assert refused.returncode == 2
    assert "run `cara migrate up`" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_openapi_is_printed_as_json(tmp_path: Path) -> None:
    printed = cara_command("openapi", folder=tmp_path)
    assert json.loads(printed.stdout)["openapi"].startswith("3.1")


def test_without_settings_the_doctor_shows_what_is_set_and_what_is_missing(tmp_path: Path) -> None:
    shown = cara_command("doctor", folder=tmp_path, REDIS_URL="redis://:hidden@cache", PORT="3002")
    assert shown.returncode == 1
    for text in ("redis://:********@cache", "3002", "DATABASE_URL is missing", "JWT_SECRET is missing"):
        assert text in shown.stdout
    assert "REDIS_URL is missing" not in shown.stdout
    assert "`cara dev` starts whatever is missing" in shown.stdout


async def test_the_doctor_masks_secrets_and_names_what_is_missing(
    tmp_path: Path, settings: dict[str, str], emulator: RunningEmulator
) -> None:
    gemini = {"GEMINI_API_KEY": "a-key-to-hide", "GEMINI_BASE_URL": "http://127.0.0.1:1"}
    dsn = "https://hidden@sentry.example.com/1"
    shown = cara_command("doctor", folder=tmp_path, SENTRY_DSN=dsn, **settings, **gemini)
    assert shown.returncode == 1
    assert "a-key-to-hide" not in shown.stdout
    assert SECRET not in shown.stdout
    assert "hidden" not in shown.stdout
    for finding in ("all are applied", "none runs", "errors go to sentry.example.com"):
        assert finding in shown.stdout
    assert shown.stdout.count("failed") == 2, "Gemini and the worker"


def test_the_doctor_reports_unreachable_servers(tmp_path: Path) -> None:
    shown = cara_command("doctor", folder=tmp_path, JWT_SECRET="short", **NOWHERE)
    assert shown.returncode == 1
    assert shown.stdout.count("cannot be used") == 2
    assert "production refuses it" in shown.stdout
    assert "hidden" not in shown.stdout


def test_the_check_fails_without_a_worker(tmp_path: Path, settings: dict[str, str]) -> None:
    checked = cara_command("worker", "--check", folder=tmp_path, **settings)
    assert checked.returncode == 1
    assert "none runs" in checked.stdout


def test_seeding_is_refused_in_production_and_on_an_old_database(
    tmp_path: Path, empty_database_url: str, settings: dict[str, str]
) -> None:
    safe = {
        "CARA_ENV": "production",
        "JWT_SECRET": token_urlsafe(48),
        "GEMINI_API_KEY": "key",
        "FRONTEND_URL": "https://app.example.com",
    }
    refused = cara_command("seed", folder=tmp_path, **{**settings, **safe})
    assert refused.returncode == 2
    assert "for development only" in refused.stderr
    behind = cara_command("seed", folder=tmp_path, **{**settings, "DATABASE_URL": empty_database_url})
    assert behind.returncode == 2
    assert "run `cara migrate up`" in behind.stderr


def test_seeded_practice_follows_the_rules(tmp_path: Path, settings: dict[str, str]) -> None:
    assert (
        cara_command("seed", "--learners", "2", "--weeks", "3", folder=tmp_path, **settings).returncode == 0
    )
    with psycopg.connect(settings["DATABASE_URL"]) as connection:
        query = "select xp, level, longest_streak, streak from users order by email"
        learners = connection.execute(query).fetchall()
        scores = connection.execute("select distinct score from sessions").fetchall()
    assert len(learners) == 2
    assert all(xp > 100 and level > 1 and longest >= 2 for xp, level, longest, _ in learners)
    assert len(scores) > 5


def test_a_taken_port_is_reported_in_one_line(tmp_path: Path, settings: dict[str, str]) -> None:
    port = str(free_port())
    with running("-m", "cara", "serve", folder=tmp_path, PORT=port, **settings) as first:
        first.until("serving on")
        refused = cara_command("serve", folder=tmp_path, PORT=port, **settings)
    assert refused.returncode == 1
    assert refused.stderr.endswith(f"cara serve: 127.0.0.1:{port} cannot be used: Address already in use\n")


def test_a_worker_imports_nothing_from_the_folder_where_it_starts(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "cara").mkdir()
    (tmp_path / "worker.py").write_text('raise SystemExit("not the worker of Cara")')
    with running("-P", "-m", "cara", "worker", folder=tmp_path, **settings) as worker:
        worker.until("working on")


def test_a_database_of_an_older_baseline_is_refused_in_one_line(
    tmp_path: Path, empty_database_url: str
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create table users (id uuid primary key)")
    refused = cara_command("migrate", "up", folder=tmp_path, DATABASE_URL=empty_database_url)
    assert refused.returncode != 0
    assert 'relation "users" already exists' in refused.stderr
    assert "Traceback" not in refused.stderr
