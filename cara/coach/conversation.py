"""From what a learner says, and said before, to the turns that Gemini gets.

Every word of a learner stands inside a fence, as data. The fence cannot be left from within, nor be imitated
in what the client says the coach has said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cara.coach.schemas import HistoryTurn, ProcessRequest
from cara.gemini.prompts import TURN_TOKENS, PromptDelimiters, upper_estimate

MESSAGE, SESSION = "learner_message", "practice_session"
OPENING = "(The learner has come in. Please begin.)"
"""Stands before a history that begins with the coach: Gemini wants the user to have the first word."""

DELIMITERS = PromptDelimiters(MESSAGE, SESSION)

Turns = list[dict[str, Any]]


def turns_of(asked: ProcessRequest, scene: Mapping[str, Any] | None, history_tokens: int) -> Turns:
    """The contents of a call: the newest turns of the history that fit the budget, then the prompt.

    `scene` is the session that is practised in; its title and description come along as a note. A prompt
    that the history ends with already is not said twice.
    """
    history = list(asked.conversation_history or ())
    if history and history[-1].role == "user" and history[-1].content.strip() == asked.prompt.strip():
        history.pop()
    said = [(_role(turn), _as_data(turn)) for turn in newest(history, history_tokens)]
    if said and said[0][0] == "model":
        said.insert(0, ("user", OPENING))
    note = _note(scene)
    return _alternating([*said, ("user", note + DELIMITERS.wrap(MESSAGE, asked.prompt))])


def newest(history: list[HistoryTurn], tokens: int) -> list[HistoryTurn]:
    """The latest turns that come to `tokens` at most, by an upper estimate of all that is sent for them; the
    oldest go first, always whole."""
    kept = 0
    for turn in reversed(history):
        tokens -= upper_estimate(_as_data(turn)) + TURN_TOKENS
        if tokens < 0:
            break
        kept += 1
    return history[len(history) - kept :]


def _role(turn: HistoryTurn) -> str:
    return "user" if turn.role == "user" else "model"


def _as_data(turn: HistoryTurn) -> str:
    return DELIMITERS.wrap(MESSAGE, turn.content) if turn.role == "user" else DELIMITERS.escape(turn.content)


def _note(scene: Mapping[str, Any] | None) -> str:
    named = ("title", "description")
    lines = [f"{name.capitalize()}: {scene[name]}" for name in named if scene[name]] if scene else []
    return DELIMITERS.wrap(SESSION, "\n".join(lines)) + "\n" if lines else ""


def _alternating(said: Iterable[tuple[str, str]]) -> Turns:
    """Turns of one speaker in a row become one: Gemini wants them to alternate."""
    turns: Turns = []
    for role, text in said:
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"].append({"text": text})
        else:
            turns.append({"role": role, "parts": [{"text": text}]})
    return turns
