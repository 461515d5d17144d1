"""A look at a transcript before feedback: who speaks in it, and who is taken for the learner."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cara.app import create_app
from cara.feedback.inspection import MAX_SPEAKERS
from cara.postgres.database import Database
from cara.settings import Settings
from tests.learners import TALK, Learner

PATH = "/api/transcripts/inspect"
FILES = Path(__file__).parents[1] / "transcripts/files"
ZOOM = (FILES / "zoom.vtt").read_text()


async def inspected(learner: Learner, transcript: str, **more: Any) -> Any:
    return await learner.expects(200, "POST", PATH, json={"transcript": transcript, **more})


def speaker(label: str | None, words: int, seconds: float | None, *, learner: bool) -> dict[str, Any]:
    return {"label": label, "words": words, "seconds": seconds, "isLearner": learner}


async def test_the_speakers_are_told_and_the_one_of_the_profiles_name_is_the_learner(
    learner: Learner,
) -> None:
    ann = await Learner.registers(learner.client, name="Ann Lee")
    seen = await inspected(ann, ZOOM)
    assert seen == {
        "format": "webvtt",
        "speakers": [
            speaker("Bob Roe", 13, 4.7, learner=False),
            speaker("Ann Lee", 27, 11.3, learner=True),
        ],
        "durationSeconds": 18.7,
        "notes": [],
    }
    (note,) = (unknown := await inspected(learner, ZOOM))["notes"]
    assert note == "Nothing in the transcript says which of its speakers is the learner."
    strangers = [{**one, "isLearner": False} for one in seen["speakers"]]
    assert unknown == {**seen, "speakers": strangers, "notes": [note]}


async def test_a_label_that_is_known_is_the_learner_whatever_the_profile_says(learner: Learner) -> None:
    seen = await inspected(learner, "A Learner: Why you?\nCandidate: I like it.\nA Learner: Good, thank you.")
    assert seen["speakers"] == [
        speaker("A Learner", 5, None, learner=False),
        speaker("Candidate", 3, None, learner=True),
    ]


async def test_who_speaks_alone_without_a_name_is_the_learner(learner: Learner) -> None:
    alone = "I, um, moved the night shift."
    assert await inspected(learner, alone, transcriptFormat="plain") == {
        "format": "plain",
        "speakers": [speaker(None, 6, None, learner=True)],
        "durationSeconds": None,
        "notes": [],
    }
    assert (await inspected(learner, " \n"))["speakers"] == []


async def test_speakers_who_are_guessed_are_marked_as_such(learner: Learner) -> None:
    seen = await inspected(learner, (FILES / "chevrons.txt").read_text())
    assert [(one["words"], one["isLearner"]) for one in seen["speakers"]] == [(13, False), (27, False)]
    assert "guessed" in seen["notes"][0]


async def test_of_very_many_speakers_the_first_are_told(learner: Learner) -> None:
    talk = "".join(f"Guest {number}: We go on now.\n" for number in range(MAX_SPEAKERS + 9))
    seen = await inspected(learner, talk)
    assert [one["label"] for one in seen["speakers"]] == [f"Guest {number}" for number in range(MAX_SPEAKERS)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"transcript": json.dumps({"answers": [{"given": "We go on."}]})}, "JSON of a kind"),
        ({"transcript": TALK, "transcriptFormat": "webvtt"}, "webvtt"),
        ({"transcript": ZOOM, "transcriptFormat": "deepgram"}, "deepgram"),
    ],
)
async def test_what_cannot_be_read_is_refused(learner: Learner, asked: dict[str, str], said: str) -> None:
    problem = await learner.expects(422, "POST", PATH, json=asked)
    assert problem["code"] == "unreadable_transcript"
    assert said in problem["detail"]


async def test_a_format_that_is_not_known_is_refused_with_its_field(learner: Learner) -> None:
    asked = {"transcript": TALK, "transcriptFormat": "docx"}
    problem = await learner.expects(400, "POST", PATH, json=asked)
    assert [one["field"] for one in problem["errors"]] == ["transcriptFormat"]


async def test_a_look_spends_and_stores_nothing(learner: Learner, database: Database) -> None:
    counted = """
        select
            (select count(*) from sessions) + (select count(*) from feedback_jobs)
            + (select count(*) from quota_reservations) + (select count(*) from quota_usage)
    """
    before = await learner.expects(200, "GET", "/api/gemini/quota")
    await inspected(learner, ZOOM)
    assert await learner.expects(200, "GET", "/api/gemini/quota") == before
    async with database.acquire() as connection:
        assert await connection.fetchval(counted) == 0


async def test_only_learners_may_look_and_each_look_is_counted(
    settings: Settings, aiohttp_client: Callable[..., Awaitable[Any]]
) -> None:
    limited = settings.model_copy(update={"rate_limits": "on", "rate_limit_user": "2/minute"})
    learner = await Learner.registers(await aiohttp_client(create_app(limited)))
    async with learner.client.post(PATH, json={"transcript": ZOOM}) as response:
        assert (response.status, (await response.json())["code"]) == (401, "unauthenticated")
    for _ in range(2):
        await inspected(learner, ZOOM)
    refused = await learner.call("POST", PATH, json={"transcript": ZOOM})
    assert (refused.status, (await refused.json())["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
