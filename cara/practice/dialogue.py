"""A talk with the coach, as it is kept in a session's transcript: labelled turns, a line each at least."""

from __future__ import annotations

import re
from uuid import UUID

from cara.errors import Conflict
from cara.postgres.database import Connection, Record
from cara.practice import queries
from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.practice.sessions import SessionNotFound

LEARNER, COACH = "You", "Coach"
ROOM_FOR_ANSWER_CHARACTERS = 8_000
"""A transcript counts as full when an answer of this length would not fit any more."""

_SEEMS_A_LABEL = re.compile(r"\n+(?=[^\n:：]{0,60}[:：])")


class TranscriptFull(Conflict):
    code = "transcript_full"
    detail = (
        f"The transcript of this session is full: it holds {MAX_TRANSCRIPT_CHARACTERS:,} characters at most. "
        "Go on in a new session."
    )


async def session_context(connection: Connection, user_id: UUID, session_id: UUID, said: str) -> Record:
    """The session that a talk goes on in, once it is sure that there is room for another two turns.

    Raises:
        SessionNotFound: no such session, or somebody else's.
        TranscriptFull: they might not fit.
    """
    session = await queries.session_context(connection, user_id, session_id)
    if session is None:
        raise SessionNotFound
    needed = len(dialogue(said, "")) + ROOM_FOR_ANSWER_CHARACTERS
    if session["transcript_characters"] + needed > MAX_TRANSCRIPT_CHARACTERS:
        raise TranscriptFull
    return session


async def append_dialogue(
    connection: Connection, user_id: UUID, session_id: UUID, said: str, answered: str
) -> bool:
    """Adds both turns to the transcript at once; False when the session is gone or full by now."""
    return await queries.append_to_transcript(
        connection, user_id, session_id, dialogue(said, answered), MAX_TRANSCRIPT_CHARACTERS
    )


def dialogue(said: str, answered: str) -> str:
    """Both turns with their labels."""
    return f"{LEARNER}: {_one_turn(said)}\n{COACH}: {_one_turn(answered)}"


def _one_turn(text: str) -> str:
    """No line inside a turn begins like a label, or its words would count as somebody else's."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return _SEEMS_A_LABEL.sub(" ", lines)
