"""No statement of the application takes longer because there are more learners, however long Cara has run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cara.accounts.export import SECTIONS
from cara.practice.list_queries import page_statement
from tests.postgres.plans import SMALL, Schema, explain, plan_of_notice, scans_of_all
from tests.postgres.statements import calls_in, calls_of
from tests.servers import Servers

ROOT = Path(__file__).parents[2]
FILLED = Path(__file__).with_name("filled.sql")

COMPOSED: dict[str, list[str]] = {
    "cara.accounts.export._document": list(SECTIONS.values()),
    "cara.jobs.queries.lock_work_of_user": [
        f"select from {table} where user_id = $1 for update"
        for table in ("sessions", "feedback_jobs", "quota_days")
    ],
    "cara.practice.list_queries.page_of_user": [
        page_statement(in_period=in_period, of_feature=of_feature, by_completion=by_completion)
        for in_period, of_feature, by_completion in product((False, True), repeat=3)
    ],
    # Statements that have no plan: they name a partition.
    "cara.analytics.event_queries.lock_partition": [],
    "cara.analytics.event_queries.drop_partition": [],
    # The statements of its callers.
    "cara.postgres.database.one_row": [],
}
"""What is sent by those calls whose statements are composed while they run."""

REBUILDS = {
    "clear_learner_weeks", "clear_quarter_hours", "fill_cohort_weeks", "fill_feature_days",
    "fill_learner_days", "fill_next_activity_days", "fill_quarter_hours", "lock_all_accounts",
}  # fmt: skip
OF_ALL_ROWS = {
    **{f"cara.analytics.rebuild_queries.{name}": "a rebuild is of everything" for name in REBUILDS},
    "cara.analytics.rollup_queries.has_pending_events": "a queue, which is asked once a month is dropped",
}
"""Who may read a growing table from end to end, and why."""

WITHOUT_PLAN = ("create", "analyze", "show")
"""Statements that begin so are run: others refer to the temporary tables."""


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with tens of thousands of rows in every growing table."""
    with servers.database(f"filled_{uuid4().hex}") as url, psycopg.connect(url) as connection:
        connection.execute(FILLED.read_bytes())
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum (analyze)")
        yield connection


@pytest.fixture(scope="module")
def schema(filled: psycopg.Connection[Any]) -> Schema:
    return Schema.of(filled)


def test_every_growing_table_is_filled(schema: Schema) -> None:
    tables = set(schema.tables.values()) - SMALL
    few = {table for table in tables if schema.rows[table] < 10_000}
    assert not few, "add rows of these tables to filled.sql"


def test_no_statement_of_the_application_reads_a_growing_table_from_end_to_end(
    filled: psycopg.Connection[Any], schema: Schema
) -> None:
    calls = calls_of(ROOT, "cara", "worker")
    escaping = {call.caller for call in calls if call.statement is None}
    assert escaping == set(COMPOSED), "tell in COMPOSED what these calls send"
    statements = [(call.caller, call.statement) for call in calls if call.statement is not None]
    statements += [(caller, statement) for caller, composed in COMPOSED.items() for statement in composed]
    assert len(statements) > 150
    found: set[tuple[str, str]] = set()
    with filled.transaction(force_rollback=True):
        for caller, statement in sorted(statements, key=_makes_a_table, reverse=True):
            if statement.split()[0] in WITHOUT_PLAN:
                filled.execute(statement.encode())
            else:
                found |= {(caller, scan) for scan in scans_of_all(explain(filled, statement), schema)}
    surprising = sorted(each for each in found if each[0] not in OF_ALL_ROWS)
    assert not surprising, "\n".join(": ".join(each) for each in surprising)
    assert {caller for caller, _ in found} == set(OF_ALL_ROWS), "OF_ALL_ROWS names some without need"


SCANS = {
    "select title from sessions where title = $1": "Seq Scan on sessions: (title = $1)",
    "select 1 from analytics_events where event_type = $1": "Seq Scan on analytics_events_",
    "delete from users where name = $1": "Seq Scan on users",
    "select from users where id = $1 and exists (select from sessions where id = $2)": "sessions",
    "select user_id from session_counts order by user_id": "all of session_counts_pkey: no condition",
    "select id from sessions order by created_at limit 5": "Seq Scan on sessions: all rows",
    "select user_id from session_counts where user_id = $1": "",
    "select id from audit_log order by created_at limit 5": "",
    "select recomputable_from from rollup_limits": "",
}


def test_what_reads_all_rows_is_found_in_a_plan(filled: psycopg.Connection[Any], schema: Schema) -> None:
    for statement, expected in SCANS.items():
        scans = "; ".join(scans_of_all(explain(filled, statement), schema))
        assert (expected in scans) if expected else not scans, (statement, scans)


def test_what_a_call_sends_is_found_in_its_source() -> None:
    source = """
async def each(connection, pipeline, cursor, table):
    await connection.fetch(_SESSION, 1)
    await one_row(connection, _TALK + "for update")
    await cara.postgres.database.one_row(connection, "select 1")
    await connection.execute(f"select from {table}")
    await pipeline.execute()
    await cursor.fetch(20)
"""
    calls = calls_in(source, "cara.practice.queries")
    assert {call.caller for call in calls} == {"cara.practice.queries.each"}
    assert [call.statement and call.statement.split()[-1] for call in calls] == ["$2", "update", "1", None]


CHANGES = [
    "insert into sessions (user_id, id, feature_type) values ({user}, gen_random_uuid(), 'video')",
    "update sessions set completed = true, completed_at = now() where user_id = {user} and not completed",
    "update sessions set feature_type = 'video' where user_id = {user}",
    """
    insert into quota_usage (user_id, id, day, request_type, model, tokens_used)
    values ({user}, gen_random_uuid(), current_date, 'coach', 'a model', 9)
    """,
    "delete from feedback where user_id = {user}",
    """
    insert into feedback (user_id, session_id, job_id, score, summary, communication, content, measures,
                          highlights, action_items, model, prompt_version)
    select user_id, session_id, id, 7, '', '{{}}', '{{}}', '{{}}', '[]', '[]', '', '' from feedback_jobs
    where user_id = {user}
    """,
    "insert into learner_days (user_id, feature_type, day, events) values ({user}, '', '2021-01-01', 1)",
    "update learner_days set events = events + 1 where user_id = {user}",
    "update learner_quarter_hours set sessions = sessions + 1 where user_id = {user}",
    """
    update feedback_jobs
    set status = 'queued', lease_expires_at = null, finished_at = null
    where user_id = {user}
    """,
    "delete from sessions where user_id = {user} and feature_type = 'video'",
    "delete from users where id = {user}",
]
"""Changes of one learner, whose triggers and foreign keys reach all that follows from them."""


def test_neither_triggers_nor_foreign_keys_read_a_growing_table_from_end_to_end(
    filled: psycopg.Connection[Any], schema: Schema
) -> None:
    notices: list[str] = []
    filled.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    with filled.transaction(force_rollback=True):
        filled.execute(WITH_NESTED_PLANS)
        for change in CHANGES:
            filled.execute(change.format(user="md5('user7')::uuid").encode())
        uncalled = filled.execute(UNCALLED_TRIGGERS).fetchall()
    assert not uncalled, "add a change that calls them to CHANGES"
    plans = [found for notice in notices if (found := plan_of_notice(notice))]
    assert len(plans) > 50
    found = {f"{scan} in: {text}" for text, plan in plans for scan in scans_of_all(plan, schema)}
    # A queue that workers keep short; an index would cost each change of a session more than this scan.
    surprising = sorted(each for each in found if not each.startswith("Seq Scan on stale_quarter_hours"))
    assert not surprising, "\n".join(surprising)


WITH_NESTED_PLANS = """
    load 'auto_explain';
    set local auto_explain.log_min_duration = 0;
    set local auto_explain.log_nested_statements = on;
    set local auto_explain.log_format = json;
    set local auto_explain.log_level = notice;
    set local plan_cache_mode = force_generic_plan;
    set local track_functions = 'all'
"""
UNCALLED_TRIGGERS = """
    select distinct tgfoid::regproc::text
    from pg_trigger
    where not tgisinternal and tgfoid not in (select funcid from pg_stat_xact_user_functions)
"""


def test_every_foreign_key_has_an_index(filled: psycopg.Connection[Any]) -> None:
    """Or the deletion of a row would read the whole table that may refer to it."""
    without = filled.execute(
        """
        select conrelid::regclass::text, conname
        from pg_constraint
        where contype = 'f' and not exists (
            select
            from pg_index
            where indrelid = conrelid and indpred is null
              and (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey
        )
        """
    ).fetchall()
    assert not without


def _makes_a_table(sent: tuple[str, str]) -> bool:
    return sent[1].split()[0] == "create"
