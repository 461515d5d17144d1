"""What attempts at jobs cost: reserved before, and charged once."""

from __future__ import annotations

from uuid import UUID, uuid5

from cara.feedback.assessment.prompt import MAX_OUTPUT_TOKENS, MORE_OUTPUT_TOKENS, upper_estimate_of_prompt
from cara.postgres.database import Connection, Record
from cara.quota.quota import Quota, Reservation

REQUEST_TYPE = "feedback"
KEEP_RESERVATION_SECONDS = 3_600
"""A reservation lives this long unless the sweeper prolongs it for a live job."""


async def reserve(
    connection: Connection, quota: Quota, user_id: UUID, judged: Record, own_limit: int | None
) -> UUID:
    """Reserves what judging this transcript can cost at the most, for one attempt.

    Raises:
        QuotaExceeded, TooLongForQuota: today's, or any day's, tokens do not suffice.
    """
    answer = MAX_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS
    return (await _reserve(connection, quota, user_id, judged, own_limit, *answer)).id


async def reserve_more_room(
    connection: Connection, quota: Quota, user_id: UUID, judged: Record, own_limit: int | None
) -> tuple[UUID, int]:
    """Likewise for another attempt, with as much more room for its answer as today's tokens allow.

    Gives the reservation's id and the tokens of that room, always more than the usual.
    """
    least, most = (MAX_OUTPUT_TOKENS + MORE_OUTPUT_TOKENS) // 2, MORE_OUTPUT_TOKENS
    reserved = await _reserve(connection, quota, user_id, judged, own_limit, least, most)
    return reserved.id, reserved.tokens - _prompt_tokens(judged)


async def _reserve(
    connection: Connection,
    quota: Quota,
    user_id: UUID,
    judged: Record,
    own_limit: int | None,
    least_output: int,
    most_output: int,
) -> Reservation:
    prompt_tokens = _prompt_tokens(judged)
    return await quota.reserve(
        connection,
        user_id,
        prompt_tokens + least_output,
        prompt_tokens + most_output,
        REQUEST_TYPE,
        own_limit=own_limit,
        keep_seconds=KEEP_RESERVATION_SECONDS,
        feature_type=judged["feature_type"],
    )


def _prompt_tokens(judged: Record) -> int:
    return upper_estimate_of_prompt(judged["feature_type"], judged["transcript"])


def ledger_id_of(job_id: UUID, attempts: int) -> UUID:
    """What an attempt is charged under: always the same, so that it is charged once."""
    return uuid5(job_id, str(attempts))
