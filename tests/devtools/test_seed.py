"""`cara seed`: whom it adds, and when they practised."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg

from cara.devtools.seed import PASSWORD, format_result, past_sessions, run
from tests.conftest import make_settings

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def test_learners_are_added_once(database_url: str, redis_url: str) -> None:
    settings = make_settings(database_url=database_url, redis_url=redis_url)
    assert run(settings, learners=1, weeks=1) == ["learner1@example.com"]
    with psycopg.connect(database_url) as connection:
        before = connection.execute("select id, score, created_at from sessions order by id").fetchall()
    assert run(settings, learners=1, weeks=1) == []
    assert run(settings, learners=2, weeks=0) == ["learner2@example.com"]
    with psycopg.connect(database_url) as connection:
        query = "select s.id, score, s.created_at from sessions s join users u on u.id = user_id"
        after = connection.execute(f"{query} where email = 'learner1@example.com' order by s.id").fetchall()
        joined = connection.execute(
            """
            select bool_and(u.created_at < s.created_at), bool_and(hedges_per_100_words is not null)
            from users u join sessions s on s.user_id = u.id
            """
        ).fetchone()
    assert after == before != []
    assert joined == (True, True)


def test_the_password_is_told_with_those_who_were_added() -> None:
    added = format_result(["learner1@example.com", "learner2@example.com"])
    assert added == f"added learner1@example.com, learner2@example.com; their password is: {PASSWORD}"
    assert format_result([]) == "nothing to add: all of these learners exist already"


def test_practice_is_at_most_once_a_day_in_the_past_and_the_same_for_the_same_seed() -> None:
    sessions = list(past_sessions(random.Random(7), NOW, 4))
    starts = [session.started_at for session in sessions]
    assert starts == sorted(starts)
    assert NOW - timedelta(days=28, hours=4) <= starts[0] < starts[-1] <= NOW - timedelta(minutes=10)
    days_ago = [(NOW - start - timedelta(minutes=10)).days for start in starts]
    assert len(set(days_ago)) == len(sessions) > 10
    assert sessions == list(past_sessions(random.Random(7), NOW, 4))
    assert len({session.scores["overall"] for session in sessions}) > 3
    assert len({session.measures["words_per_minute"] for session in sessions}) > 3
