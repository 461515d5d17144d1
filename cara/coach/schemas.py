"""Requests and responses of the coach."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, GetPydanticSchema
from pydantic_core import CoreSchema, core_schema

from cara.practice.schemas import FeatureType
from cara.web.models import RequestModel, ResponseModel, example
from cara.web.sanitize import FreeText

MIN_PROMPT_CHARACTERS, MAX_PROMPT_CHARACTERS = 5, 4_000
MAX_TURN_CHARACTERS = 8_000
MAX_HISTORY_TURNS = 1_000
"""Far more than are ever sent on: a bound on the work of reading them."""

_VISIBLE = r"[^\s\x1c-\x1f]"


def _matches(pattern: str, message: str) -> GetPydanticSchema:
    """Refuses texts without a match of the pattern, which the OpenAPI document does not mention."""
    checked = core_schema.custom_error_schema(
        core_schema.str_schema(pattern=pattern), custom_error_type="blank", custom_error_message=message
    )

    def schema(source: Any, handler: Any) -> CoreSchema:
        return core_schema.chain_schema([handler(source), checked])

    return GetPydanticSchema(schema)


Prompt = Annotated[
    str,
    FreeText(MIN_PROMPT_CHARACTERS, MAX_PROMPT_CHARACTERS),
    _matches(
        rf"(?s){_VISIBLE}.{{{MIN_PROMPT_CHARACTERS - 2},}}{_VISIBLE}",
        f"must have at least {MIN_PROMPT_CHARACTERS} characters beside blanks",
    ),
]
HistoryText = Annotated[str, FreeText(1, MAX_TURN_CHARACTERS), _matches(_VISIBLE, "must not be blank")]


class HistoryTurn(RequestModel):
    """An earlier turn: the learner's (`user`) or the coach's (`assistant`; `model` is the same)."""

    model_config = example(role="user", content="I would like to practice a salary negotiation.")

    role: Literal["user", "assistant", "model"]
    content: HistoryText


class ProcessRequest(RequestModel):
    """Something that the learner says to the coach.

    `conversationHistory` is what was said before, oldest first. However long it is, the newest turns that
    there is room for are used, 64 at most, and the older ones left out. With a `sessionId` both this turn and
    the answer are added to that session's transcript.
    """

    model_config = example(
        prompt="Can you help me practice a salary negotiation?", featureType="conversation"
    )

    prompt: Prompt
    feature_type: FeatureType | None = None
    conversation_history: Annotated[list[HistoryTurn], Field(max_length=MAX_HISTORY_TURNS)] | None = None
    session_id: UUID | None = None


class Delta(ResponseModel):
    """The next text of an answer that is streamed."""

    model_config = example(text="Gladly. What salary do you")

    text: str


class CoachAnswer(ResponseModel):
    """The coach's answer, the tokens that it cost, what is left of today's, and the model that gave it.

    `truncated` says that the answer breaks off, because it may be no longer or no more tokens were left.
    """

    model_config = example(
        response="Gladly. What salary do you have in mind, and what speaks for it?",
        tokensUsed=412,
        remainingQuota=49_588,
        model="gemini-3.8-flash",
        truncated=False,
    )

    response: str
    tokens_used: int
    remaining_quota: int
    model: str
    truncated: bool
