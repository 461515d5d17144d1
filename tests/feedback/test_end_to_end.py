"""From a transcript to feedback, through web, worker, PostgreSQL, Redis and the Gemini emulator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cara.analytics import rollups
from cara.postgres.database import Database
from cara.practice.feedback_schemas import measures_over_time
from cara.settings import Settings
from cara.speech import measure
from tests.learners import TALK, Learner
from tests.workers import running_worker


@pytest.mark.usefixtures("worker")
async def test_a_transcript_gets_feedback_whose_quotes_stand_in_it(learner: Learner) -> None:
    job = await learner.asks_for_feedback(TALK)
    events = await learner.follows(job)

    assert events[-1].name == "succeeded"
    assert [event.name for event in events].count("succeeded") == 1
    done = await learner.expects(200, "GET", job["statusUrl"])
    assert done == events[-1].data
    assert done["feedback"]["highlights"]
    for highlight in done["feedback"]["highlights"]:
        assert TALK[highlight["start"] : highlight["end"]] == highlight["quote"]


CAPTIONS = """WEBVTT

00:01.000 --> 00:03.000
<v Coach>What would you change at the clinic?

00:03.500 --> 00:07.250
<v You>I recommend that we move the night

00:07.250 --> 00:11.000
<v You>shift to nine, so that nobody waits.
"""


@pytest.mark.usefixtures("worker")
async def test_captions_tell_the_duration_the_pace_and_when_a_quote_was_said(learner: Learner) -> None:
    session = await learner.opens_session()
    asked = {"sessionId": session["id"], "transcript": CAPTIONS}
    events = await learner.follows(
        await learner.expects(202, "POST", "/api/gemini/generate-feedback", json=asked)
    )
    feedback = events[-1].data["feedback"]
    measures = feedback["measures"]
    assert (measures["durationSeconds"], measures["durationSource"]) == (10, "transcript")
    assert measures["wordsPerMinute"] == 112  # 14 words in 7.5 seconds
    assert measures["timing"]["responseLatencySeconds"] == {"median": 0.5, "longest": 0.5}
    assert [(one["startSeconds"], one["endSeconds"]) for one in feedback["highlights"]] == [(3.5, 11)]
    session = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert session["durationSeconds"] is None
    assert session["feedbackJson"] == feedback


HESITANT = "Um, uh, so we, um, talked about it, and I, uh, guess that it went well, um, in the end."


async def two_jobs_of_one_session(learner: Learner) -> tuple[str, list[dict[str, Any]]]:
    """The path of the session, and the older and the newer job."""
    session = await learner.opens_session()
    jobs = [
        await learner.expects(
            202,
            "POST",
            "/api/gemini/generate-feedback",
            json={"sessionId": session["id"], "transcript": transcript, "durationSeconds": 20.5},
        )
        for transcript in (HESITANT, TALK)
    ]
    return f"/api/sessions/{session['id']}", jobs


OVER_TIME = ("wordsPerMinute", "fillersPer100Words", "hedgesPer100Words", "pausesPerMinute")


def measures_of(session: dict[str, Any]) -> list[float | None]:
    measures = session["feedbackJson"]["measures"]
    rates = (measures[kind]["perHundredWords"] for kind in ("fillers", "hedges"))
    return [measures["wordsPerMinute"], *rates, None]


async def listed_measures(learner: Learner) -> dict[str, list[float | None]]:
    page = await learner.expects(200, "GET", "/api/sessions")
    return {each["id"]: [each[name] for name in OVER_TIME] for each in page["sessions"]}


async def measures_of_today(learner: Learner, database: Database) -> list[float | None]:
    await rollups.fold(database)
    today = (await learner.expects(200, "GET", "/api/analytics/stats"))["daily"][-1]
    return [today[name] for name in OVER_TIME]


async def test_every_job_of_a_session_keeps_its_own_feedback(
    learner: Learner, settings: Settings, database: Database
) -> None:
    path, jobs = await two_jobs_of_one_session(learner)
    async with running_worker(settings):
        ends = [(await learner.follows(job))[-1] for job in jobs]
    assert [end.name for end in ends] == ["succeeded", "succeeded"]
    for job, end in zip(jobs, ends, strict=True):
        assert await learner.expects(200, "GET", job["statusUrl"]) == end.data
    assert ends[0].data["feedback"] != ends[1].data["feedback"]
    session = await learner.expects(200, "GET", path)
    assert session["feedbackJson"] == ends[1].data["feedback"]
    assert session["score"] == ends[1].data["feedback"]["overview"]["score"]
    assert await listed_measures(learner) == {session["id"]: measures_of(session)}
    assert await measures_of_today(learner, database) == measures_of(session)
    assert session["durationSeconds"] == session["feedbackJson"]["measures"]["durationSeconds"] == 20.5


@pytest.mark.parametrize(("seconds", "listed"), [(126, 20), (130, None), (6.3, 400), (6, None), (4, None)])
def test_no_list_has_a_pace_that_is_implausible(seconds: float, listed: float | None) -> None:
    talk = "We meet again at nine on the first day of each month in town. " * 3
    measures = measure(talk, duration_seconds=seconds, feature_type="video")
    columns = measures_over_time(measures)
    assert columns["words_per_minute"] == listed
    assert columns["hedges_per_100_words"] == 0


async def test_an_older_job_that_ends_later_leaves_the_session_alone(
    learner: Learner, settings: Settings, database: Database
) -> None:
    path, (older, newer) = await two_jobs_of_one_session(learner)
    set_run_after = "update feedback_jobs set run_after = now() + $2::interval where id = $1::uuid"
    async with database.acquire() as connection:
        await connection.execute(set_run_after, older["jobId"], timedelta(hours=1))
        async with running_worker(settings):
            assert (await learner.follows(newer))[-1].name == "succeeded"
            before = await learner.expects(200, "GET", path)
            await connection.execute(set_run_after, older["jobId"], timedelta(minutes=-1))
            end = (await learner.follows(older))[-1]
    assert end.name == "succeeded"
    assert end.data["feedback"] != before["feedbackJson"]
    assert await learner.expects(200, "GET", older["statusUrl"]) == end.data
    after = await learner.expects(200, "GET", path)
    assert after == {**before, "liveJobId": None}
    silent = await learner.opens_session(feedbackJson={"measures": {"wordsPerMinute": 1}})
    expected = {after["id"]: measures_of(before), silent["id"]: [None] * 4}
    assert await listed_measures(learner) == expected
    assert await measures_of_today(learner, database) == measures_of(before)
    await learner.expects(200, "PATCH", path, json={"transcript": HESITANT})
    assert await listed_measures(learner) == expected, "as the score, until there is feedback on it"


@pytest.mark.usefixtures("worker")
async def test_feedback_is_deleted_with_its_session(learner: Learner, database: Database) -> None:
    events = await learner.follows(await learner.asks_for_feedback())
    await learner.expects(204, "DELETE", f"/api/sessions/{events[-1].data['sessionId']}")
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from feedback") == 0
