"""From what a learner says, and said before, to the call that Gemini gets.

Every word of a learner stands between delimiters, as data. It can neither end them from within, nor imitate
them in what the client says the coach has said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cara.coach import prompts
from cara.coach.schemas import HistoryTurn, ProcessRequest
from cara.errors import FieldProblem, InvalidInput
from cara.gemini.calls import GeminiCall
from cara.gemini.prompts import PromptDelimiters
from cara.gemini.tokens import TURN_TOKENS, estimate_tokens, thinking_room
from cara.postgres.database import Connection
from cara.practice.dialogue import session_context
from cara.practice.schemas import FeatureType
from cara.web.guard import Caller

MESSAGE, SESSION = "learner_message", "practice_session"
OPENING = "(The learner has come in. Please begin.)"
"""Stands before a history that begins with the coach: Gemini wants the user to have the first word."""

MAX_SENT_TURNS = 64
"""Each costs the event loop a fraction of a millisecond in the SDK, however short it is."""

DELIMITERS = PromptDelimiters(MESSAGE, SESSION)

Contents = list[dict[str, Any]]
Session = Mapping[str, Any]
"""The session that is practised in, as `session_context` reads it."""


class OtherFeature(InvalidInput):
    detail = "The session is for another kind of practice."

    def __init__(self) -> None:
        super().__init__(fields=(FieldProblem("featureType", "mismatch", "must be that of the session"),))


async def session_for_turn(connection: Connection, caller: Caller, body: ProcessRequest) -> Session | None:
    """Returns the session that is practised in, if one is named.

    Raises:
        SessionNotFound, TranscriptFull, OtherFeature: it cannot be used for this turn.
    """
    if body.session_id is None:
        return None
    session = await session_context(connection, caller.user_id, body.session_id, body.prompt)
    if body.feature_type not in (None, session["feature_type"]):
        raise OtherFeature
    return dict(session)


def build_call(
    body: ProcessRequest,
    session: Session | None,
    *,
    history_tokens: int,
    answer_tokens: int,
    thinking_level: str | None,
) -> GeminiCall:
    """Returns the call for a turn of the learner.

    `history_tokens` bounds the history that it sends, `answer_tokens` the answer without its thoughts.
    """
    return GeminiCall(
        system_instruction=prompts.instruction_for(feature_type_of(body, session)),
        contents=build_contents(body, session, history_tokens),
        max_output_tokens=answer_tokens + thinking_room(thinking_level),
        thinking_level=thinking_level,
    )


def feature_type_of(body: ProcessRequest, session: Session | None) -> FeatureType | None:
    """Returns what is practised: in a session its feature, else the one that the client names."""
    return session["feature_type"] if session else body.feature_type


def build_contents(body: ProcessRequest, session: Session | None, history_tokens: int) -> Contents:
    """Returns the contents of a call: the newest turns of the history that fit the budget, then the prompt.

    The session's title and description come along as a note. A prompt that the history ends with already is
    not sent twice.
    """
    history = list(body.conversation_history or ())
    if history and history[-1].role == "user" and history[-1].content.strip() == body.prompt.strip():
        history.pop()
    turns = [(_role(turn), _as_data(turn)) for turn in newest_turns(history, history_tokens)]
    if turns and turns[0][0] == "model":
        turns.insert(0, ("user", OPENING))
    return _alternating([*turns, ("user", _note(session) + DELIMITERS.wrap(MESSAGE, body.prompt))])


def newest_turns(history: list[HistoryTurn], tokens: int) -> list[HistoryTurn]:
    """Returns the latest turns that come to `tokens` at most, by an estimate of all that is sent.

    The oldest are left out first, always whole; of very short ones `MAX_SENT_TURNS` are left.
    """
    kept = 0
    for turn in reversed(history[-MAX_SENT_TURNS:]):
        tokens -= estimate_tokens(_as_data(turn)) + TURN_TOKENS
        if tokens < 0:
            break
        kept += 1
    return history[len(history) - kept :]


def _role(turn: HistoryTurn) -> str:
    return "user" if turn.role == "user" else "model"


def _as_data(turn: HistoryTurn) -> str:
    return DELIMITERS.wrap(MESSAGE, turn.content) if turn.role == "user" else DELIMITERS.escape(turn.content)


def _note(session: Session | None) -> str:
    members = ("title", "description")
    lines = [f"{name.capitalize()}: {session[name]}" for name in members if session[name]] if session else []
    return DELIMITERS.wrap(SESSION, "\n".join(lines)) + "\n" if lines else ""


def _alternating(turns: Iterable[tuple[str, str]]) -> Contents:
    """Merges turns of one role in a row: Gemini wants the roles to alternate."""
    contents: Contents = []
    for role, text in turns:
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].append({"text": text})
        else:
            contents.append({"role": role, "parts": [{"text": text}]})
    return contents
