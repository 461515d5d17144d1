"""What an attempt at a judgement may cost: reserved before it is queued, and the limit of its output."""

from __future__ import annotations

from uuid import UUID

from cara.feedback.assessment.prompt import ANSWER_TOKENS, estimate_judge_prompt
from cara.gemini.calls import GeminiCall
from cara.gemini.tokens import estimate_prompt, thinking_room, with_margin
from cara.postgres.database import Connection, Record
from cara.quota.quota import Quota
from cara.transcripts.talk import Talk

REQUEST_TYPE = "feedback"

KEEP_RESERVATION_SECONDS = 3_600
"""A reservation expires after this time unless the sweeper prolongs it for a live job."""

LEAST_ANSWER_TOKENS = 2_048
"""With less room than this, and half of the room for thoughts, a judgement would be cut off."""


class AttemptReservations:
    """Reserves tokens for attempts; `thinking_level` is that of the judge."""

    def __init__(self, quota: Quota, thinking_level: str | None) -> None:
        self.quota = quota
        self._thinking_tokens = thinking_room(thinking_level)

    async def reserve(
        self,
        connection: Connection,
        user_id: UUID,
        feature_type: str,
        prompt_tokens: int,
        own_limit: int | None,
        *,
        more_output: bool = False,
    ) -> UUID:
        """Reserves the prompt and as much output of one attempt as fits; returns the reservation's id.

        With `more_output` there is twice as much room, after a judgement that was cut off.

        Raises:
            QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
        """
        least = LEAST_ANSWER_TOKENS + self._thinking_tokens // 2
        most = self._room(more_output=more_output)
        reserved = await self.quota.reserve(
            connection,
            user_id,
            prompt_tokens + (most // 2 if more_output else least),
            prompt_tokens + most,
            REQUEST_TYPE,
            own_limit=own_limit,
            keep_seconds=KEEP_RESERVATION_SECONDS,
            feature_type=feature_type,
        )
        return reserved.id

    def output_limit(self, job: Record, call: GeminiCall) -> int:
        """Returns the output limit of a call: its room, as far as the reservation of the job goes."""
        room = self._room(more_output=job["more_output"])
        left: int = job["reserved_tokens"] - with_margin(estimate_prompt(call))
        return min(room, max(left, LEAST_ANSWER_TOKENS + self._thinking_tokens // 2))

    def _room(self, *, more_output: bool) -> int:
        return (ANSWER_TOKENS + self._thinking_tokens) * (2 if more_output else 1)


def prompt_tokens_of(feature_type: str, talk: Talk) -> int:
    """Returns what the prompt for the talk hardly exceeds, in tokens."""
    return with_margin(estimate_judge_prompt(feature_type, talk))
