"""How many tokens an attempt reserves, and how much of them its call may write."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from cara.feedback.assessment.prompt import ANSWER_TOKENS
from cara.feedback.work.reservation import LEAST_ANSWER_TOKENS, AttemptReservations
from cara.gemini.calls import GeminiCall
from cara.gemini.tokens import estimate_prompt, thinking_room, with_margin
from cara.postgres.database import Connection, Record
from cara.quota.quota import Quota, Reservation

THOUGHTS = thinking_room("high")
ROOM, LEAST = ANSWER_TOKENS + THOUGHTS, LEAST_ANSWER_TOKENS + THOUGHTS // 2
CALL = GeminiCall(
    system_instruction="You are a judge.",
    contents=[{"role": "user", "parts": [{"text": "We should hire two people. " * 50}]}],
    max_output_tokens=1,
)
PROMPT = with_margin(estimate_prompt(CALL))


class SeenQuota:
    """Grants what it is asked for, and keeps that."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    async def reserve(
        self, _: Connection, user_id: UUID, least: int, most: int, request_type: str, **more: Any
    ) -> Reservation:
        self.asked = {"user_id": user_id, "least": least, "most": most, "type": request_type, **more}
        return Reservation(uuid4(), most)


@pytest.mark.parametrize(("more_output", "least", "most"), [(False, LEAST, ROOM), (True, ROOM, 2 * ROOM)])
async def test_an_attempt_reserves_its_prompt_and_as_much_room_as_fits(
    more_output: bool, least: int, most: int
) -> None:
    quota = SeenQuota()
    reservations = AttemptReservations(cast(Quota, quota), "high")
    nothing: Any = None
    user_id = uuid4()
    id = await reservations.reserve(nothing, user_id, "video", 1_500, 9_000, more_output=more_output)
    assert isinstance(id, UUID)
    assert quota.asked == {
        "user_id": user_id,
        "least": 1_500 + least,
        "most": 1_500 + most,
        "type": "feedback",
        "own_limit": 9_000,
        "keep_seconds": 3_600,
        "feature_type": "video",
    }


@pytest.mark.parametrize(
    ("reserved", "more_output", "limit"),
    [
        (PROMPT + 10 * ROOM, False, ROOM),
        (PROMPT + 10 * ROOM, True, 2 * ROOM),
        (PROMPT + ROOM - 1, False, ROOM - 1),
        (PROMPT + LEAST + 1, False, LEAST + 1),
        (PROMPT + LEAST - 1, False, LEAST),
        (0, False, LEAST),
        (PROMPT + ROOM + 7, True, ROOM + 7),
    ],
)
def test_a_call_may_write_what_its_reservation_leaves_beside_the_prompt(
    reserved: int, more_output: bool, limit: int
) -> None:
    job = cast(Record, {"reserved_tokens": reserved, "more_output": more_output})
    assert AttemptReservations(Quota(50_000), "high").output_limit(job, CALL) == limit


async def test_a_first_attempt_has_no_more_room_than_a_usual_judgement_needs() -> None:
    quota = SeenQuota()
    nothing: Any = None
    await AttemptReservations(cast(Quota, quota), "high").reserve(nothing, uuid4(), "video", 1_500, None)
    assert quota.asked["most"] == 1_500 + ROOM
