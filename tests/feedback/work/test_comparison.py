"""What a score is compared with, the stages on the way to it, and answers without one."""

from __future__ import annotations

from uuid import UUID

import pytest

from cara.gemini.calls import NOTHING_USED, GeminiAnswer
from cara.postgres.database import Database, new_id
from cara.settings import Settings
from tests.feedback.work.attempts import the_job, working
from tests.learners import TALK, Learner


@pytest.mark.usefixtures("worker")
async def test_a_score_is_compared_with_the_last_five_of_the_feature_that_have_enough_words(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        for number, (feature_type, score, fluent_words) in enumerate(
            [
                ("conversation", 0, 50),
                *[("conversation", 50, None), ("conversation", 70, 50), ("conversation", 60, 51)],
                *[("conversation", 60, 200), ("conversation", 10, 49), ("conversation", 60, None)],
                ("video", 10, 50),
            ]
        ):
            await connection.execute(
                """
                insert into sessions
                    (user_id, id, feature_type, score, fluent_words, completed, completed_at, practiced_at)
                values ($1, $2, $3, $4, $5, true, now(), now() - interval '1 day' + make_interval(mins => $6))
                """,
                UUID(learner.user["id"]),
                new_id(),
                feature_type,
                score,
                fluent_words,
                number,
            )
    end = (await learner.follows(await learner.asks_for_feedback()))[-1]
    overview = end.data["feedback"]["overview"]
    assert overview["scoreChange"] == overview["score"] - 60
    async with database.acquire() as connection:
        kept = await connection.fetchval("select fluent_words from sessions where transcript is not null")
    assert kept == end.data["feedback"]["measures"]["fluentWords"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("talks", [1, 10])
async def test_a_listener_sees_each_stage_with_its_progress(learner: Learner, talks: int) -> None:
    """A long talk is measured in a thread."""
    events = await learner.follows(await learner.asks_for_feedback(" ".join([TALK] * talks)))
    stages = [(event.data["stage"], event.data["progress"]) for event in events if event.name == "progress"]
    assert [stage for stage in stages if stage[1] % 5 or stage[1] in (15, 95)] == [
        ("asking", 15),
        ("checking", 88),
        ("saving", 95),
    ]
    assert [progress for _, progress in stages] == sorted(progress for _, progress in stages)
    assert [event.data["status"] for event in events if event.name == "status"] == ["queued", "running"]
    assert events[-1].name == "succeeded"


@pytest.mark.parametrize(("truncated", "more_output"), [(True, True), (False, False)])
async def test_only_an_answer_without_a_score_that_was_cut_off_is_asked_for_with_more_room(
    learner: Learner,
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    truncated: bool,
    more_output: bool,
) -> None:
    answer = GeminiAnswer("{}", {}, NOTHING_USED, "gemini-test", truncated=truncated)

    async def ask(*_: object) -> GeminiAnswer:
        return answer

    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        monkeypatch.setattr(work, "_ask", ask)
        await work.run(UUID(job["jobId"]))
    left = await the_job(database)
    assert (left["status"], left["failures"], left["answers"]) == ("queued", 1, 1)
    assert left["more_output"] == more_output
