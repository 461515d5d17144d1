"""`cara rollup`, as an operator runs it."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cara.cli import app
from cara.postgres.database import new_id


@pytest.fixture
def learner_days(database_url: str) -> list[tuple[UUID, str]]:
    """Inserts a learner with a session that is not folded; returns the rows that folding will make."""
    user_id = new_id()
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into users (id, email, name, password_hash) values (%s, 'a@example.com', 'A', '')",
            [user_id],
        )
        connection.execute(
            "insert into sessions (user_id, id, feature_type) values (%s, %s, 'video')", [user_id, new_id()]
        )
    return [(user_id, ""), (user_id, "video")]


def run(monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str, *arguments: str) -> Result:
    for name, value in {
        "CARA_ENV": "test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_SECRET": "the-secret-of-the-tests-32-bytes-long",
    }.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, ["rollup", *arguments])


def days_in(database_url: str) -> list[tuple[UUID, str]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "select user_id, feature_type from learner_days order by feature_type"
        ).fetchall()


def test_an_operator_folds_and_rebuilds(
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    redis_url: str,
    learner_days: list[tuple[UUID, str]],
) -> None:
    folded = run(monkeypatch, database_url, redis_url)
    assert folded.exit_code == 0, folded.output
    assert "folded 2 rows" in folded.output
    assert days_in(database_url) == learner_days
    assert "up to date" in run(monkeypatch, database_url, redis_url).output

    with psycopg.connect(database_url) as connection:
        connection.execute("delete from learner_days")
    rebuilt = run(monkeypatch, database_url, redis_url, "--rebuild", "--from", "2020-01-01")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "100 %" in rebuilt.output
    assert "rebuilt from 2020-01-01 on" in rebuilt.output
    assert days_in(database_url) == learner_days


def test_days_past_retention_are_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("update rollup_limits set recomputable_from = '2026-05-02'")
    refused = run(monkeypatch, database_url, redis_url, "--rebuild", "--from", "2026-01-01")
    assert refused.exit_code == 2
    assert "start with that day" in refused.output
    assert run(monkeypatch, database_url, redis_url, "--from", "2026-01-01").exit_code == 2
