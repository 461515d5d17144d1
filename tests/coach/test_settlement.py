"""The settlement of a turn: charged and kept once, however often it is written."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from cara.coach.settlement import Dialogue, Settlement, SettlementTracker
from cara.errors import TokenInvalid
from cara.postgres.database import Database, new_id
from cara.postgres.errors import DatabaseBusy
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from cara.redis.queue import RollupNotifier
from cara.settings import Settings
from cara.web.guard import Caller
from tests.coach.coach_client import ask_coach, read_tables, until
from tests.conftest import RunningEmulator
from tests.learners import Learner

CHARGE = Charge("a-model", 30, 12, 42)


def caller_of(learner: Learner) -> Caller:
    return Caller(UUID(learner.user["id"]), False, "UTC", 1_000, uuid4(), 0, {})


class CountingNotifier(RollupNotifier):
    """Counts the calls of `wake`, without Redis."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def notifier() -> CountingNotifier:
    return CountingNotifier()


@pytest.fixture
def tracker(database: Database, notifier: CountingNotifier) -> SettlementTracker:
    return SettlementTracker(database, Quota(50_000), notifier)


async def test_nobody_waits_long_for_a_settlement_which_goes_on_without_them(
    learner: Learner,
    database: Database,
    tracker: SettlementTracker,
    notifier: CountingNotifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cara.coach.settlement.WAIT_TIMEOUT_SECONDS", 0.01)
    async with database.transaction() as connection:
        await connection.execute("lock table quota_usage in share mode")
        task = tracker.begin(Settlement(caller_of(learner), new_id(), "process", CHARGE))
        with pytest.raises(DatabaseBusy) as busy:
            await tracker.wait(task)
    assert busy.value.retry_after_seconds == 1
    await task
    assert (await read_tables(database)).charged == 42
    assert notifier.wakes == 1


async def test_a_settlement_that_is_written_again_charges_and_keeps_nothing_again(
    learner: Learner, database: Database, tracker: SettlementTracker
) -> None:
    """As after a commit whose acknowledgement was lost."""
    session = await learner.opens_session()
    said = Dialogue(UUID(session["id"]), "Good morning.", "Good morning!")
    settlement = Settlement(caller_of(learner), new_id(), "process", CHARGE, said)
    tasks = [tracker.begin(settlement) for _ in range(4)]
    assert [await tracker.wait(task) for task in tasks] == [1_000 - 42] * 4
    await tracker.close()

    seen = await read_tables(database)
    assert (seen.used, seen.charged, len(seen.ledger)) == (42, 42, 1)
    kept = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert kept["transcript"] == "You: Good morning.\nCoach: Good morning!"


async def test_a_dialogue_that_has_no_room_any_more_is_charged_all_the_same(
    learner: Learner, database: Database, tracker: SettlementTracker, caplog: pytest.LogCaptureFixture
) -> None:
    session = await learner.opens_session(transcript="word " * 40_000)
    said = Dialogue(UUID(session["id"]), "Good morning.", "Good morning!")
    settlement = Settlement(caller_of(learner), new_id(), "process", CHARGE, said)
    assert await tracker.wait(tracker.begin(settlement)) == 1_000 - 42
    assert "gone or full" in caplog.text
    assert "Good morning" not in caplog.text
    assert (await read_tables(database)).charged == 42


async def test_the_settlement_of_a_deleted_account_writes_nothing(
    learner: Learner, database: Database, tracker: SettlementTracker
) -> None:
    await learner.expects(204, "DELETE", "/api/users/me")
    with pytest.raises(TokenInvalid):
        await tracker.wait(tracker.begin(Settlement(caller_of(learner), new_id(), "process", CHARGE)))
    seen = await read_tables(database)
    assert (seen.used, seen.ledger) == (0, [])


async def test_a_turn_is_reserved_for_as_long_as_it_can_take_and_told_by_its_feature(
    learner: Learner, database: Database, settings: Settings, emulator: RunningEmulator
) -> None:
    """With the settlement at its end: else its tokens could be spent twice."""
    emulator.emulator.fail_next("stall")
    asking = asyncio.create_task(ask_coach(learner, featureType="video"))
    await emulator.emulator.until(lambda ledger: ledger.calls == 1)
    async with database.acquire() as connection:
        row = await connection.fetchrow(
            "select request_type, feature_type, extract(epoch from expires_at - created_at) as seconds"
            " from quota_reservations"
        )
    assert tuple(row) == ("process", "video", settings.gemini_deadline_seconds + 10)
    asking.cancel()
    await until(lambda: read_tables(database), lambda seen: seen.reservations == 0)


async def test_a_turn_in_the_ledger_has_the_feature_of_its_session(
    learner: Learner, database: Database
) -> None:
    session = await learner.opens_session("writing")
    for body in ({"sessionId": session["id"]}, {"featureType": "video"}, {}):
        await ask_coach(learner, **body)
    ledger = (await read_tables(database)).ledger
    assert [row["feature_type"] for row in ledger] == ["writing", "video", None]
