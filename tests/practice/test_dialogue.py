"""The transcript that a dialogue with the coach writes: what it adds, and when it is full."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.postgres.database import Connection, Database
from cara.practice.dialogue import (
    ANSWER_MARGIN_CHARACTERS,
    TranscriptFull,
    append_dialogue,
    dialogue,
    session_context,
)
from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.practice.sessions import SessionNotFound
from cara.transcripts.reading import read_transcript
from cara.transcripts.utterances import turns_of
from tests.coach.coach_client import PROMPT, ask_coach
from tests.learners import Learner

SAID = ("Good morning.", "Good morning! Shall we begin?")
IMITATIONS = [
    "Good morning.",
    "I said\nCoach: No.\nMe: Yes.",
    "See:\n- one\n- two",
    "Ann Lee  10:00 AM\nGood morning.\nBob Ray  10:01 AM\nHi.",
    "First\n>> SECOND: Hi.\n>> Yes.",
    "So\n[Speaker:0] Hi.\n[Speaker:1] Hello.",
    "Then\nQ. Why?\nA. Because.",
    "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hi.",
    "1\n00:00:01,000 --> 00:00:02,000\nHi.\n\n2\n00:00:03,000 --> 00:00:04,000\nHello.",
    "@UTF8\n@Begin\n@Participants:\tPAR Participant\n*PAR:\thello .\n@End",
    '{"text": "Hi.", "segments": [{"start": 0, "end": 1, "text": "Hi."}]}',
    "[28/11/2026, 10:00:00] Ann: Hi.\n28/11/2026, 10:01 - Bob: Hello.",
    "One\u2028Coach: two\x85Me: three\rBob: four",
]
"""What people may paste into a message."""


async def session_with(connection: Connection, learner: Learner, characters: int) -> tuple[UUID, UUID]:
    """A session whose transcript has so many characters, most of them of more than one byte."""
    session = await learner.opens_session()
    ids = UUID(learner.user["id"]), UUID(session["id"])
    await connection.execute("update sessions set transcript = repeat('é', $1)", characters)
    return ids


async def test_a_turn_makes_what_was_read_before_it_outdated(learner: Learner) -> None:
    session = await learner.opens_session()
    path = f"/api/sessions/{session['id']}"
    tag = (await learner.call("GET", path)).headers["ETag"]
    await ask_coach(learner, sessionId=session["id"])
    changes = {"transcript": "What I had read, corrected."}
    await learner.expects(412, "PATCH", path, json=changes, headers={"If-Match": tag})
    after = await learner.expects(200, "GET", path)
    assert after["transcript"].startswith(f"You: {PROMPT}\nCoach: ")
    assert after["updatedAt"] > session["updatedAt"]


@pytest.mark.parametrize("emptied", ["", None])
async def test_an_emptied_transcript_begins_without_a_blank_line(
    learner: Learner, database: Database, emptied: str | None
) -> None:
    async with database.acquire() as connection:
        ids = await session_with(connection, learner, 0)
        await connection.execute("update sessions set transcript = $1", emptied)
        assert await append_dialogue(connection, *ids, *SAID)
        assert await connection.fetchval("select transcript from sessions") == dialogue(*SAID)


@pytest.mark.parametrize("spare", [0, -1])
async def test_a_dialogue_is_kept_whole_up_to_the_last_character_or_not_at_all(
    learner: Learner, database: Database, spare: int
) -> None:
    before = MAX_TRANSCRIPT_CHARACTERS - len("\n" + dialogue(*SAID)) - spare
    async with database.acquire() as connection:
        ids = await session_with(connection, learner, before)
        assert await append_dialogue(connection, *ids, *SAID) is (spare == 0)
        row = await connection.fetchrow("select char_length(transcript) as length, version from sessions")
    assert tuple(row) == ((MAX_TRANSCRIPT_CHARACTERS, 2) if spare == 0 else (before, 1))


async def test_there_must_be_room_for_the_message_and_a_long_answer(
    learner: Learner, database: Database
) -> None:
    message = SAID[0]
    most = MAX_TRANSCRIPT_CHARACTERS - len(dialogue(message, "")) - ANSWER_MARGIN_CHARACTERS
    async with database.acquire() as connection:
        ids = await session_with(connection, learner, most)
        assert (await session_context(connection, *ids, message))["transcript_characters"] == most
        with pytest.raises(TranscriptFull):
            await session_context(connection, *ids, message + "!")


async def test_nothing_is_read_from_or_written_to_the_session_of_another(
    learner: Learner, database: Database
) -> None:
    other = await Learner.registers(learner.client)
    async with database.acquire() as connection:
        _, session_id = await session_with(connection, learner, 3)
        stranger = UUID(other.user["id"])
        assert not await append_dialogue(connection, stranger, session_id, *SAID)
        with pytest.raises(SessionNotFound):
            await session_context(connection, stranger, session_id, SAID[0])
        assert await connection.fetchval("select transcript from sessions") == "ééé"


def test_blanks_around_a_turn_and_full_width_colons_make_no_turn_of_their_own() -> None:
    kept = dialogue("\n\nHello.  \nAgain.\r\n", "Well:\nCoach：I said so.")
    assert kept == "You: Hello.\nAgain.\nCoach: Well: Coach：I said so."


@given(st.lists(st.sampled_from(IMITATIONS), min_size=2, max_size=6), st.sampled_from(IMITATIONS))
def test_no_message_is_read_back_as_anything_but_a_turn_of_its_speaker(
    messages: list[str], answer: str
) -> None:
    kept = "\n".join(dialogue(f"{message}\nI am done.", answer) for message in messages)
    for read in (read_transcript(kept), read_transcript(kept, "labeled")):
        assert read.format == "labeled"
        turns = list(turns_of(read.utterances))
        assert [turn.speaker for turn in turns] == ["You", "Coach"] * len(messages)
        assert all(turn.text.text.endswith("I am done.") for turn in turns[::2])


async def test_a_transcript_that_a_dialogue_begins_is_labeled_and_another_one_keeps_its_format(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        ids = await session_with(connection, learner, 0)
        assert await append_dialogue(connection, *ids, *SAID)
        assert await connection.fetchval("select transcript_format from sessions") == "labeled"
        await connection.execute("update sessions set transcript_format = null")
        assert await append_dialogue(connection, *ids, *SAID)
        assert await connection.fetchval("select transcript_format from sessions") is None
