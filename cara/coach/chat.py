"""Coaching: a learner says something, Gemini answers, and the quota is charged what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from cara.coach import prompts
from cara.coach.conversation import turns_of
from cara.coach.schemas import ProcessRequest
from cara.coach.settlement import SETTLING_SECONDS, Settlement, Settlements
from cara.coach.turn import REQUEST_TYPE, Turn
from cara.errors import FieldProblem, InvalidInput
from cara.gemini.client import GeminiCall, GeminiClient
from cara.gemini.token_estimate import upper_estimate_of_prompt
from cara.postgres.database import Connection, Database, DatabaseAway, new_id
from cara.practice.dialogue import session_context
from cara.practice.schemas import FeatureType
from cara.quota.quota import Quota
from cara.redis.rollup_notifier import RollupNotifier
from cara.settings import Settings
from cara.web.guard import Caller

LEAST_OUTPUT_TOKENS = 512
"""With less room than this an answer would end in mid-thought: better none."""

LEAVING_SECONDS = 5.0
"""What a turn may take to end, once it was cancelled."""


class OtherFeature(InvalidInput):
    detail = "The session is for another kind of practice."

    def __init__(self) -> None:
        super().__init__(fields=(FieldProblem("featureType", "is not that of the session"),))


class Coach:
    """Takes turns with learners, on their quota. No database connection is held while Gemini is answering."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        quota: Quota,
        gemini: GeminiClient,
        rollups: RollupNotifier,
    ) -> None:
        self._settings = settings
        self._database = database
        self._quota = quota
        self._gemini = gemini
        self._settlements = Settlements(database, quota, rollups)
        self._keep_seconds = settings.gemini_deadline_seconds + SETTLING_SECONDS
        self._under_way: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def turn(self, caller: Caller, asked: ProcessRequest) -> AsyncIterator[Turn]:
        """A turn under way, for the length of the block; leaving it early ends the call at Gemini.

        However it is left, what was used is charged, and the rest of the reservation is given back.

        Raises:
            GeminiCircuitOpen: Gemini is down; nothing was looked up or reserved.
            SessionNotFound, TranscriptFull, OtherFeature: the session is not to be had for this.
            QuotaExceeded: today's tokens do not suffice.
            TooLongForQuota: no day's tokens would.
        """
        self._gemini.ensure_available()
        reservation_id = new_id()
        call = await self._prepare(caller, asked, reservation_id)
        turn = Turn(self._settlements, caller, asked, reservation_id, self._gemini.model)
        with self._counted():
            try:
                async with self._gemini.stream(call) as stream:
                    turn.listen_to(stream)
                    yield turn
            finally:
                await turn.end()

    async def close(self) -> None:
        """Waits until all turns, which were cancelled before, have ended and are settled."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LEAVING_SECONDS)
        await self._settlements.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Among the turns that are under way: who is cancelled last still has something to settle."""
        ended = asyncio.get_running_loop().create_future()
        self._under_way.add(ended)
        try:
            yield
        finally:
            self._under_way.discard(ended)
            ended.set_result(None)

    async def _prepare(self, caller: Caller, asked: ProcessRequest, reservation_id: UUID) -> GeminiCall:
        """The call, no longer than the tokens suffice that were reserved for it."""
        reserving = False
        try:
            async with self._database.acquire() as connection:
                scene = await _scene(connection, caller, asked)
                call, feature_type = self._call(asked, scene), _feature_type(asked, scene)
                reserving = True
                return await self._reserve(connection, caller, call, reservation_id, feature_type)
        except (asyncio.CancelledError, DatabaseAway):
            # It may be reserved all the same, though the answer never came.
            if reserving:
                self._settlements.begin(Settlement(caller, reservation_id, REQUEST_TYPE))
            raise

    async def _reserve(
        self,
        connection: Connection,
        caller: Caller,
        call: GeminiCall,
        reservation_id: UUID,
        feature_type: str | None,
    ) -> GeminiCall:
        """Reserves the prompt and the longest answer; when little remains, a shorter one."""
        prompt_tokens = upper_estimate_of_prompt(call)
        reservation = await self._quota.reserve_some(
            connection,
            caller.user_id,
            prompt_tokens + min(LEAST_OUTPUT_TOKENS, call.max_output_tokens),
            prompt_tokens + call.max_output_tokens,
            REQUEST_TYPE,
            own_limit=caller.daily_token_quota,
            keep_seconds=self._keep_seconds,
            feature_type=feature_type,
            reservation_id=reservation_id,
            durable=False,
        )
        return replace(call, max_output_tokens=reservation.tokens - prompt_tokens)

    def _call(self, asked: ProcessRequest, scene: dict[str, Any] | None) -> GeminiCall:
        return GeminiCall(
            system_instruction=prompts.instruction_for(_feature_type(asked, scene)),
            contents=turns_of(asked, scene, self._settings.gemini_history_tokens),
            max_output_tokens=self._settings.gemini_max_output_tokens,
            thinking_level=self._settings.thinking_level,
        )


def _feature_type(asked: ProcessRequest, scene: dict[str, Any] | None) -> FeatureType | None:
    """What is practised: in a session, what that is for."""
    return scene["feature_type"] if scene else asked.feature_type


async def _scene(connection: Connection, caller: Caller, asked: ProcessRequest) -> dict[str, Any] | None:
    """The session that is practised in, if one is named."""
    if asked.session_id is None:
        return None
    scene = await session_context(connection, caller.user_id, asked.session_id, asked.prompt)
    if asked.feature_type not in (None, scene["feature_type"]):
        raise OtherFeature
    return dict(scene)
