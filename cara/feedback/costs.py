"""What attempts at jobs cost: reserved before, and charged once."""

from __future__ import annotations

from uuid import UUID, uuid5

from cara.database import Connection, Record
from cara.feedback.judging import upper_estimate_of_judging
from cara.gemini.quota import Quota

REQUEST_TYPE = "feedback"
KEEP_RESERVATION_SECONDS = 3_600
"""A reservation lives this long unless the sweeper prolongs it for a live job."""


async def reserve(
    connection: Connection, quota: Quota, user_id: UUID, judged: Record, own_limit: int | None
) -> UUID:
    """Reserves what judging this transcript can cost at the most, for one attempt."""
    return await quota.reserve(
        connection,
        user_id,
        upper_estimate_of_judging(judged["feature_type"], judged["transcript"]),
        REQUEST_TYPE,
        own_limit=own_limit,
        keep_seconds=KEEP_RESERVATION_SECONDS,
        feature_type=judged["feature_type"],
    )


def ledger_id_of(job_id: UUID, attempts: int) -> UUID:
    """What an attempt is charged under: always the same, so that it is charged once."""
    return uuid5(job_id, str(attempts))
