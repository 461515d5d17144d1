"""When the recorder of usage writes, and when it rests."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import pytest

from cara.gemini.calls import GeminiUsage
from cara.postgres.database import Connection, Database, new_id
from cara.quota import spending
from cara.quota.spending import CallRecord, SpendingRecorder
from tests.learners import Learner
from tests.quota.test_spending import SENT, Call, owner_of, recorded, reserve, until_recorded


async def test_what_has_not_changed_is_not_recorded_again(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    written: list[UUID] = []
    record_spending = spending.spending_queries.record_spending

    async def count_and_record(connection: Connection, spent: list[tuple[UUID, UUID, int, int]]) -> None:
        written.extend(reservation_id for _, reservation_id, _, _ in spent)
        await record_spending(connection, spent)

    monkeypatch.setattr(spending.spending_queries, "record_spending", count_and_record)
    recorder = SpendingRecorder(database)
    still, moving = Call(GeminiUsage(prompt_tokens=30, total_tokens=30)), Call()
    async with database.acquire() as connection:
        ids = [await reserve(connection, learner, sent=SENT), await reserve(connection, learner, sent=SENT)]
    records = [recorder.open(owner_of(learner), id, SENT, recorded=True) for id in ids]
    with recorder.following(records[0], still.stream), recorder.following(records[1], moving.stream):
        for output in range(1, 6):
            moving.spent = GeminiUsage(prompt_tokens=30, output_tokens=output, total_tokens=30 + output)
            await until_recorded(database, ids[1], ("a-model", 30, output))
    await recorder.close()
    assert [written.count(id) for id in ids] == [1, 5]


def recording_tasks() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "record spending"]


async def test_nothing_is_recorded_any_more_once_no_call_is_under_way(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    recorder, call = SpendingRecorder(database), Call(GeminiUsage(prompt_tokens=30, total_tokens=30))
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, sent=SENT)
    record = recorder.open(owner_of(learner), reservation_id, SENT, recorded=True)
    for output in (1, 2):
        with recorder.following(record, call.stream):
            call.spent = GeminiUsage(prompt_tokens=30, output_tokens=output, total_tokens=30 + output)
            await until_recorded(database, reservation_id, ("a-model", 30, output))
            assert len(recording_tasks()) == 1
        await asyncio.wait_for(asyncio.wait(recording_tasks()), 30)
    await recorder.close()


async def test_a_recorder_that_is_closed_leaves_no_task_although_a_call_is_under_way(
    learner: Learner, database: Database
) -> None:
    recorder, call = SpendingRecorder(database), Call()
    await recorder.close()
    with recorder.following(recorder.open(owner_of(learner), new_id(), SENT), call.stream):
        assert len(recording_tasks()) == 1
        await asyncio.wait_for(recorder.close(), 30)
        assert recording_tasks() == []


async def test_a_total_below_the_prompt_is_recorded_as_no_output(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    recorder, call = SpendingRecorder(database), Call(GeminiUsage(prompt_tokens=44, total_tokens=40))
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, sent=SENT)
    record = recorder.open(owner_of(learner), reservation_id, SENT, recorded=True)
    with recorder.following(record, call.stream):
        await until_recorded(database, reservation_id, ("a-model", 44, 0))
    await recorder.close()


class NoDatabase(Database):
    """Must not be asked for a connection."""

    def __init__(self) -> None: ...

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        raise AssertionError("a connection is wanted")


async def test_what_is_recorded_already_or_was_never_recorded_needs_no_statement(learner: Learner) -> None:
    made_with = CallRecord(NoDatabase(), owner_of(learner), new_id(), SENT, recorded=True)
    await made_with.record()
    never_sent = CallRecord(NoDatabase(), owner_of(learner), new_id(), SENT)
    await never_sent.withdraw()
    opened = SpendingRecorder(NoDatabase()).open(owner_of(learner), new_id(), SENT)
    await opened.withdraw()


async def test_the_estimate_of_a_prompt_stays_recorded_as_long_as_gemini_tells_nothing(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    recorder, silent, telling = SpendingRecorder(database), Call(), Call()
    async with database.acquire() as connection:
        ids = [await reserve(connection, learner, sent=SENT), await reserve(connection, learner, sent=SENT)]
    records = [recorder.open(owner_of(learner), id, SENT, recorded=True) for id in ids]
    with recorder.following(records[0], silent.stream), recorder.following(records[1], telling.stream):
        telling.spent = GeminiUsage(prompt_tokens=33, output_tokens=1, total_tokens=34)
        await until_recorded(database, ids[1], ("a-model", 33, 1))
    await recorder.close()
    async with database.acquire() as connection:
        assert await recorded(connection, ids[0]) == ("a-model", 30, 0)
