"""What cannot be judged is refused before anything is stored or spent; what can be is the learner's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cara.postgres.database import Database
from tests.conftest import RunningEmulator
from tests.learners import TALK, Learner

PATH = "/api/gemini/generate-feedback"
ZOOM = (Path(__file__).parents[2] / "transcripts/files/zoom.vtt").read_text()
SPEAKERS = [
    {"label": "Bob Roe", "words": 13, "seconds": 4.7},
    {"label": "Ann Lee", "words": 27, "seconds": 11.3},
]
NINE_WORDS = "Um, we, um, moved the, um, night shift, um, to the, um, early morning, um."


async def asks(learner: Learner, session: dict[str, Any], status: int = 202, **asked: Any) -> Any:
    return await learner.expects(status, "POST", PATH, json={"sessionId": session["id"], **asked})


async def judged(learner: Learner, job: dict[str, Any]) -> Any:
    end = (await learner.follows(job))[-1]
    assert end.name == "succeeded", end.data
    return end.data["feedback"]


async def read(learner: Learner, session: dict[str, Any]) -> Any:
    return await learner.expects(200, "GET", f"/api/sessions/{session['id']}")


def prompt_of(emulator: RunningEmulator) -> str:
    """What the judge was sent last, beside its instruction."""
    return str(emulator.emulator.requests[-1].body["contents"][-1]["parts"][0]["text"])


def learner_lines(prompt: str) -> list[str]:
    return re.findall(r"^Learner: (.*)$", prompt, re.MULTILINE)


@pytest.mark.usefixtures("worker")
async def test_who_is_unknown_is_asked_for_and_then_judged_alone(
    learner: Learner, emulator: RunningEmulator
) -> None:
    session = await learner.opens_session()
    problem = await asks(learner, session, 422, transcript=ZOOM)
    assert (problem["code"], problem["speakers"]) == ("learner_unknown", SPEAKERS)

    feedback = await judged(learner, await asks(learner, session, transcript=ZOOM, learnerLabel="ann lee"))
    assert feedback["measures"]["words"] == 27
    prompt = prompt_of(emulator)
    assert learner_lines(prompt) == [
        "Well, um, I moved the night shift, and waiting times fell by a third.",
        "We counted every hour for two months. It was, you know, slow work.",
    ]
    assert "Ann" not in prompt
    assert "Bob" not in prompt

    again = await judged(learner, await asks(learner, session))
    assert again["measures"]["words"] == 27, "the session remembers who it is"


async def test_a_label_that_nobody_has_is_refused_with_the_speakers(learner: Learner) -> None:
    session = await learner.opens_session(transcript=ZOOM)
    problem = await asks(learner, session, 422, learnerLabel="Carol")
    assert (problem["code"], problem["speakers"]) == ("learner_unknown", SPEAKERS)
    assert "learnerLabel" in problem["detail"]


async def test_a_new_transcript_makes_the_session_forget_the_learners_label(learner: Learner) -> None:
    session = await learner.opens_session(transcript=ZOOM)
    await asks(learner, session, learnerLabel="Ann Lee")
    other = ZOOM.replace("two months", "three months")
    await learner.expects(200, "PATCH", f"/api/sessions/{session['id']}", json={"transcript": other})
    assert (await asks(learner, session, 422))["code"] == "learner_unknown"


async def test_jobs_are_shared_by_the_learner_whom_they_judge(learner: Learner) -> None:
    session = await learner.opens_session(transcript=ZOOM)
    jobs = [
        (await asks(learner, session, learnerLabel=label))["jobId"]
        for label in ("Ann Lee", "Bob Roe", "ANN LEE:", "Bob Roe")
    ]
    assert jobs[0] == jobs[2]
    assert jobs[1] == jobs[3]
    assert jobs[0] != jobs[1]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"transcript": ZOOM}, "learner_unknown"),
        ({"transcript": "Coach: Go on, please.\nAI: We wait for you."}, "nothing_said"),
        ({"transcript": "You: [laughs]\nCoach: Go on, please, we wait for you."}, "nothing_said"),
        ({"transcript": NINE_WORDS}, "too_short"),
        ({"transcript": "我们应该雇用两个人。"}, "too_short"),
        ({"transcript": json.dumps({"answers": [{"given": TALK}]})}, "unreadable_transcript"),
        ({"transcript": TALK, "transcriptFormat": "srt"}, "unreadable_transcript"),
        ({"transcript": ZOOM, "transcriptFormat": "whisper"}, "unreadable_transcript"),
    ],
)
async def test_what_cannot_be_judged_is_refused_and_stores_nothing(
    learner: Learner, database: Database, asked: dict[str, str], code: str
) -> None:
    session = await learner.opens_session(transcript=TALK, durationSeconds=30)
    before = await read(learner, session)
    problem = await asks(learner, session, 422, **asked, durationSeconds=99)
    assert problem["code"] == code
    assert await read(learner, session) == before
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"]) == (0, 0)
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from feedback_jobs") == 0


async def test_too_few_words_are_told_without_the_fillers(learner: Learner) -> None:
    session = await learner.opens_session()
    problem = await asks(learner, session, 422, transcript=NINE_WORDS)
    assert "says 9 words" in problem["detail"]
    await asks(learner, session, transcript=NINE_WORDS.replace("early", "very early"))


@pytest.mark.usefixtures("worker")
async def test_a_short_talk_earns_xp_but_moves_neither_streak_nor_score_change(learner: Learner) -> None:
    await judged(learner, await learner.asks_for_feedback(f"{TALK} {TALK}"))

    async def progress() -> tuple[int, int]:
        me = await learner.expects(200, "GET", "/api/users/me")
        return me["xp"], me["streak"]

    xp, streak = await progress()
    other = await Learner.registers(learner.client)
    for each in (learner, other):
        session = await each.opens_session()
        short = "I recommend that we hire two people, because the calls wait for an hour."
        feedback = await judged(each, await asks(each, session, transcript=short, durationSeconds=6))
        assert feedback["overview"]["scoreChange"] is None
        assert any("Fewer than 50 words" in note for note in feedback["measures"]["notes"])
        assert (await read(each, session))["completed"] is True
    assert streak == 1
    assert (await progress())[0] > xp
    them = await other.expects(200, "GET", "/api/users/me")
    assert (them["streak"], them["longestStreak"]) == (0, 0)
    assert them["xp"] > 0


@pytest.mark.usefixtures("worker")
async def test_utterances_are_a_transcript_of_the_session_into_which_highlights_point(
    learner: Learner,
) -> None:
    session = await learner.opens_session()
    utterances = [
        {"speaker": "Bob", "text": "What did you \"change\"?", "start": 0, "end": 2.5},
        {"speaker": "Ann", "text": "I recommend that we hire two people, because the calls wait.",
         "start": 3, "end": 9.5, "words": [{"word": "I", "start": 3, "end": 3.1}]},
        {"speaker": "Ann", "text": "They would answer the calls that wait for longer than an hour."},
    ]  # fmt: skip
    problem = await asks(learner, session, 422, utterances=utterances)
    assert [one["label"] for one in problem["speakers"]] == ["Bob", "Ann"]
    feedback = await judged(learner, await asks(learner, session, utterances=utterances, learnerLabel="Ann"))
    stored = (await read(learner, session))["transcript"]
    assert json.loads(stored) == utterances
    assert feedback["measures"]["words"] == 23
    assert feedback["highlights"]
    for highlight in feedback["highlights"]:
        assert stored[highlight["start"] : highlight["end"]] == highlight["quote"]
    await judged(learner, await asks(learner, session))


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        ({"transcript": TALK, "utterances": [{"text": TALK}]}, "utterances", "not_allowed"),
        ({"utterances": [{"text": TALK * 300}] * 3}, "utterances", "too_long"),
        ({"utterances": []}, "utterances", "too_few"),
        ({"utterances": [{"text": TALK, "start": 5, "end": 4}]}, "utterances.0", "out_of_range"),
        (
            {"utterances": [{"text": "So", "words": [{"word": "So", "start": 2, "end": 1}]}]},
            "utterances.0.words.0",
            "out_of_range",
        ),
        ({"utterances": [{"text": TALK, "start": -1}]}, "utterances.0.start", "too_small"),
        ({"transcript": TALK, "learnerLabel": ""}, "learnerLabel", "too_short"),
    ],
)
async def test_utterances_that_are_not_valid_are_refused_with_their_field(
    learner: Learner, asked: dict[str, Any], field: str, code: str
) -> None:
    session = await learner.opens_session()
    problem = await asks(learner, session, 400, **asked)
    assert [(one["field"], one["code"]) for one in problem["errors"]] == [(field, code)]
    assert (await read(learner, session)) == session


@pytest.mark.usefixtures("worker")
async def test_a_quote_across_cues_points_into_the_captions_as_they_were_sent(learner: Learner) -> None:
    captions = (
        "WEBVTT\r\n\r\n1\r\n00:00.000 --> 00:02.000\r\n<v Bob>What do you want?</v>\r\n\r\n"
        "2\r\n00:02.000 --> 00:04.000\r\n<v Ann>I recommend that we\r\nhire two people now,\r\n\r\n"
        "3\r\n00:04.000 --> 00:07.000\r\n<v Ann>because calls &amp; letters\r\nwait for an hour.\r\n"
    )
    session = await learner.opens_session()
    asked = {"transcript": captions, "learnerLabel": "Ann"}
    feedback = await judged(learner, await asks(learner, session, **asked))
    assert (await read(learner, session))["transcript"] == captions
    across = [one for one in feedback["highlights"] if one["quote"].startswith("I recommend")]
    assert across
    for quote in across:
        passage = captions[quote["start"] : quote["end"]]
        assert passage.startswith("I recommend that we\r\nhire")
        assert re.search(r"now,\r\n\r\n3\r\n00:04.000 --> .*\r\n<v Ann>because", passage)
        assert len(quote["quote"].split()) < len(passage.split())


@pytest.mark.usefixtures("worker")
async def test_a_dialogue_with_the_coach_is_judged_by_what_the_learner_says(
    learner: Learner, emulator: RunningEmulator
) -> None:
    session = await learner.opens_session()
    said = "I recommend that we hire two people, because the calls wait for an hour."
    await learner.expects(
        200, "POST", "/api/gemini/process", json={"prompt": said, "sessionId": session["id"]}
    )
    feedback = await judged(learner, await asks(learner, session))
    assert learner_lines(prompt_of(emulator)) == [said]
    assert feedback["measures"]["words"] == 14
    assert feedback["measures"]["turns"] == 1


async def test_a_request_repeated_under_its_key_gets_its_job_although_it_would_be_refused_now(
    learner: Learner,
) -> None:
    session = await learner.opens_session(transcript=ZOOM)
    key = {"Idempotency-Key": "once"}
    label = {"sessionId": session["id"], "learnerLabel": "Ann Lee"}
    first = await learner.expects(202, "POST", PATH, json=label, headers=key)
    await learner.expects(200, "PATCH", f"/api/sessions/{session['id']}", json={"transcript": "Yes."})
    before = await read(learner, session)
    again = await learner.expects(202, "POST", PATH, json=label, headers=key)
    assert again["jobId"] == first["jobId"]
    assert await read(learner, session) == before
    assert (await asks(learner, session, 422))["code"] == "too_short"
