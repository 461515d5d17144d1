"""What Gemini really does on the wire, through HTTP and a worker: what a learner sees, and what they pay.

The judgements themselves are in `assessment/test_judgement.py`, faults of `/process` in
`coach/test_process_faults.py`.
"""

from __future__ import annotations

import asyncio

import pytest

from cara.devtools.emulator.faults import Fault, PlannedFault, WireDeviation
from cara.devtools.emulator.reply import BEYOND_BMP
from cara.gemini.tokens import estimate_tokens
from cara.postgres.database import Database
from cara.settings import Settings
from tests.coach.coach_client import PATH, PROMPT, STREAM, settled_tables
from tests.conftest import RunningEmulator
from tests.feedback.served_calls import Served, all_is_charged, check_charge, stream_answer
from tests.learners import Learner
from tests.streams import SentEvent, read_events
from tests.waiting import until

USAGE = [one for one in WireDeviation if one.startswith("usage_")]
LINES = sorted(set(WireDeviation) - set(USAGE))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """No call is repeated, so that each failure is seen."""
    return settings.model_copy(update={"gemini_attempts": 1})


async def judged(learner: Learner) -> SentEvent:
    """The last event of a new job."""
    return (await learner.follows(await learner.asks_for_feedback()))[-1]


class TestUsage:
    """Usage that is absent, `{}`, of the prompt only, falling, 2**32, -5 or late."""

    @pytest.mark.usefixtures("worker")
    @pytest.mark.parametrize("deviation", USAGE)
    async def test_a_judgement_is_charged_between_what_was_told_and_the_estimate(
        self, learner: Learner, database: Database, emulator: RunningEmulator, deviation: WireDeviation
    ) -> None:
        emulator.emulator.fail_rate(deviation, 1.0)
        ended = await judged(learner)
        assert (ended.name, ended.data["attempts"]) == ("succeeded", 1)
        assert emulator.emulator.ledger.calls == 1
        check_charge(await settled_tables(database), Served.by(emulator, PlannedFault(deviation)))

    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize("deviation", USAGE)
    async def test_an_answer_is_charged_so_and_the_learner_is_told_what_is_charged(
        self,
        learner: Learner,
        database: Database,
        emulator: RunningEmulator,
        deviation: WireDeviation,
        streamed: bool,
    ) -> None:
        emulator.emulator.fail_rate(deviation, 1.0)
        if streamed:
            answer = (await stream_answer(learner))[1]
        else:
            answer = await learner.expects(200, "POST", PATH, json={"prompt": PROMPT})
        seen = await settled_tables(database)
        check_charge(seen, Served.by(emulator, PlannedFault(deviation)))
        quota = await learner.expects(200, "GET", "/api/gemini/quota")
        assert answer["tokensUsed"] == seen.charged == quota["tokensUsed"]
        assert answer["remainingQuota"] == quota["remaining"]


class TestLines:
    """Lines of gateways, halves of characters, and connections that do not end well after the answer did."""

    @pytest.mark.usefixtures("worker")
    @pytest.mark.parametrize("deviation", LINES)
    async def test_a_finished_judgement_is_finished(
        self, learner: Learner, database: Database, emulator: RunningEmulator, deviation: WireDeviation
    ) -> None:
        emulator.emulator.fail_rate(deviation, 1.0)
        ended = await judged(learner)
        assert (ended.name, ended.data["attempts"]) == ("succeeded", 1)
        if deviation is WireDeviation.SPLIT_SURROGATES:
            assert BEYOND_BMP in ended.data["feedback"]["overview"]["summary"]
        assert emulator.emulator.ledger.calls == 1
        assert (await settled_tables(database)).charged == emulator.emulator.ledger.total_tokens

    @pytest.mark.parametrize("deviation", LINES)
    async def test_a_finished_answer_is_finished_and_its_characters_are_whole(
        self, learner: Learner, database: Database, emulator: RunningEmulator, deviation: WireDeviation
    ) -> None:
        emulator.emulator.fail_rate(deviation, 1.0)
        texts, done = await stream_answer(learner)
        whole = await learner.expects(200, "POST", PATH, json={"prompt": PROMPT})
        for answer in (done, whole):
            assert answer["response"] == "".join(texts)
            assert not answer["truncated"]
        assert any(BEYOND_BMP in text for text in texts) is (deviation is WireDeviation.SPLIT_SURROGATES)
        assert "".join(texts).encode().decode() == done["response"]
        assert emulator.emulator.ledger.calls == 2
        assert (await settled_tables(database)).charged == emulator.emulator.ledger.total_tokens


class TestRefusedAnswers:
    @pytest.mark.usefixtures("worker")
    async def test_a_recitation_is_asked_for_once_more(
        self, learner: Learner, database: Database, emulator: RunningEmulator
    ) -> None:
        emulator.emulator.fail_next(Fault.RECITATION)
        ended = await judged(learner)
        assert (ended.name, ended.data["attempts"]) == ("succeeded", 2)
        await all_is_charged(database, emulator, billed=2)

    @pytest.mark.usefixtures("worker")
    @pytest.mark.parametrize(
        ("fault", "billed", "code", "words"),
        [
            (Fault.RECITATION, 2, "gemini_recitation", "published text"),
            (Fault.LANGUAGE, 1, "language_unsupported", "does not support this language"),
        ],
    )
    async def test_what_stays_refused_fails_the_job_in_words_of_its_own(
        self,
        learner: Learner,
        database: Database,
        emulator: RunningEmulator,
        fault: Fault,
        billed: int,
        code: str,
        words: str,
    ) -> None:
        emulator.emulator.fail_rate(fault, 1.0)
        ended = await judged(learner)
        assert (ended.name, ended.data["attempts"]) == ("failed", billed)
        assert ended.data["problem"]["code"] == code
        assert words in ended.data["problem"]["detail"]
        await all_is_charged(database, emulator, billed=billed)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("fault", "refusals"), [(Fault.SCHEMA_REFUSED, 1), (Fault.ANY_SCHEMA_REFUSED, 2)])
async def test_a_schema_that_is_refused_costs_no_attempt_and_is_remembered(
    learner: Learner, database: Database, emulator: RunningEmulator, fault: Fault, refusals: int
) -> None:
    emulator.emulator.fail_rate(fault, 1.0)
    for billed in (1, 2):
        ended = await judged(learner)
        assert (ended.name, ended.data["attempts"]) == ("succeeded", 1)
        assert emulator.emulator.ledger.refused == refusals
        await all_is_charged(database, emulator, billed=billed)


class TestOutOfRoom:
    @pytest.mark.parametrize("streamed", [False, True])
    async def test_an_answer_that_was_cut_off_is_an_answer(
        self, learner: Learner, database: Database, emulator: RunningEmulator, streamed: bool
    ) -> None:
        emulator.emulator.fail_rate(Fault.OUT_OF_ROOM, 1.0)
        if streamed:
            answer = (await stream_answer(learner))[1]
        else:
            answer = await learner.expects(200, "POST", PATH, json={"prompt": PROMPT})
        assert answer["truncated"]
        await all_is_charged(database, emulator, billed=1)

    async def test_thoughts_alone_are_no_answer_and_are_charged_once(
        self, learner: Learner, database: Database, emulator: RunningEmulator
    ) -> None:
        emulator.emulator.fail_rate(Fault.ONLY_THOUGHTS, 1.0)
        problem = await learner.expects(503, "POST", PATH, json={"prompt": PROMPT})
        assert problem["code"] == "gemini_bad_answer"
        assert "ran out of room" in problem["detail"]
        await all_is_charged(database, emulator, billed=1)


class TestLeaving:
    """Who leaves is charged the prompt and what had been received."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"gemini_between_chunks_seconds": 60})

    @pytest.mark.parametrize("pieces", ["first", "all but the last"])
    async def test_leaving_a_stream(
        self, learner: Learner, database: Database, emulator: RunningEmulator, pieces: str
    ) -> None:
        whole, _ = await stream_answer(learner)
        before = (await settled_tables(database)).used
        received = whole[: 1 if pieces == "first" else len(whole) - 1]
        await self._leave_after(learner, emulator, received)
        seen = await settled_tables(database)
        assert (seen.reserved, len(seen.ledger)) == (0, 2)
        entry = seen.ledger[1]
        assert entry["input_tokens"] * 2 == emulator.emulator.ledger.prompt_tokens
        assert entry["output_tokens"] == estimate_tokens("".join(received))
        assert entry["tokens_used"] == entry["input_tokens"] + entry["output_tokens"] == seen.used - before

    @staticmethod
    async def _leave_after(learner: Learner, emulator: RunningEmulator, received: list[str]) -> None:
        emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=len(received)))
        response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
        events = read_events(response)
        assert [(await anext(events)).data["text"] for _ in received] == received
        response.close()
        await emulator.emulator.until(lambda ledger: ledger.aborted == 1)

    @pytest.mark.parametrize("headers", [{}, STREAM])
    async def test_leaving_before_the_first_piece(
        self, learner: Learner, database: Database, emulator: RunningEmulator, headers: dict[str, str]
    ) -> None:
        emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=0))
        asking = asyncio.create_task(learner.call("POST", PATH, json={"prompt": PROMPT}, headers=headers))
        await emulator.emulator.until(lambda ledger: ledger.prompt_tokens > 0)
        asking.cancel()
        await emulator.emulator.until(lambda ledger: ledger.aborted == 1)
        seen = await settled_tables(database)
        assert (seen.reserved, len(seen.ledger)) == (0, 1)
        # Gemini may not have told the tokens of the prompt by then.
        planned = PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=0)
        counted = emulator.emulator.ledger.prompt_tokens, Served.by(emulator, planned).prompt_estimate
        assert seen.used == seen.charged
        assert seen.charged in counted

    @pytest.mark.usefixtures("worker")
    async def test_a_job_that_is_cancelled_while_gemini_writes(
        self, learner: Learner, database: Database, emulator: RunningEmulator
    ) -> None:
        planned = PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=9)
        emulator.emulator.fail_next(planned)
        job = await learner.asks_for_feedback()
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        received = estimate_tokens("".join(Served.by(emulator, planned).reply.chunks))
        async with database.acquire() as connection:
            recorded = "select true from quota_reservations where output_tokens = $1"
            await until(lambda: connection.fetchval(recorded, received))
        await learner.expects(202, "DELETE", job["statusUrl"])
        assert (await learner.follows(job))[-1].name == "cancelled"
        seen = await settled_tables(database)
        (entry,) = seen.ledger
        prompt = emulator.emulator.ledger.prompt_tokens
        assert (entry["input_tokens"], entry["output_tokens"]) == (prompt, received)
        assert (seen.reserved, seen.used) == (0, prompt + received)
