"""A dialogue with the coach, as the transcript of its session holds it: labeled turns."""

from __future__ import annotations

import re
from uuid import UUID

from cara.errors import Conflict
from cara.postgres.database import Connection, Record
from cara.practice import queries
from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.practice.sessions import SessionNotFound

LEARNER, COACH = "You", "Coach"
ANSWER_MARGIN_CHARACTERS = 8_000
"""A transcript counts as full if an answer of this length would not fit."""

_LOOKS_LIKE_LABEL = re.compile(r"\n+(?=[^:：]{0,100}[:：]|[ \t]*(?:>>|[QA]\.))")
"""Line feeds before a colon, as after a name or in a time, or before another mark of a new speaker.

The colon may stand in a later line: once that is joined to this one, it is this one that looks like a label.
"""


class TranscriptFull(Conflict):
    code = "transcript_full"
    detail = (
        f"The transcript of this session is full: it holds {MAX_TRANSCRIPT_CHARACTERS:,} characters at most. "
        "Go on in a new session."
    )


async def session_context(connection: Connection, user_id: UUID, session_id: UUID, message: str) -> Record:
    """Returns the session that a dialogue goes on in, once there is room for the message and its answer.

    Raises:
        SessionNotFound: the learner has no such session.
        TranscriptFull: the two turns might not fit.
    """
    session = await queries.session_context(connection, user_id, session_id)
    if session is None:
        raise SessionNotFound
    needed = len(dialogue(message, "")) + ANSWER_MARGIN_CHARACTERS
    if session["transcript_characters"] + needed > MAX_TRANSCRIPT_CHARACTERS:
        raise TranscriptFull
    return session


async def append_dialogue(
    connection: Connection, user_id: UUID, session_id: UUID, message: str, answer: str
) -> bool:
    """Appends both turns to the transcript; False if the session has been deleted or is full."""
    return await queries.append_to_transcript(
        connection, user_id, session_id, dialogue(message, answer), MAX_TRANSCRIPT_CHARACTERS
    )


def dialogue(message: str, answer: str) -> str:
    """Returns both turns with their labels, as `read_transcript` reads them back."""
    return f"{LEARNER}: {_turn_text(message)}\n{COACH}: {_turn_text(answer)}"


def _turn_text(text: str) -> str:
    """Returns the text, in which no line begins like a label: its words would become another speaker's."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return _LOOKS_LIKE_LABEL.sub(" ", lines)
