"""A turn with the coach: the learner says something, Gemini answers, the quota is charged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from cara.coach.conversation import Session, build_call, feature_type_of, session_for_turn
from cara.coach.schemas import ProcessRequest
from cara.coach.settlement import SETTLING_SECONDS, Settlement, SettlementTracker
from cara.coach.turn import REQUEST_TYPE, Turn
from cara.gemini.client import GeminiCall, GeminiClient
from cara.gemini.tokens import estimate_prompt, thinking_room, with_estimate, with_margin
from cara.postgres.database import Connection, Database, new_id
from cara.postgres.errors import DatabaseAway
from cara.practice.schemas import FeatureType
from cara.quota.counting import count_if_close
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.quota import Quota
from cara.quota.spending import SpendingRecorder
from cara.quota.spending_queries import Sent
from cara.redis.queue import RollupNotifier
from cara.settings import Settings
from cara.web.guard import Caller
from cara.web.storage_limit import StorageLimit

MIN_ANSWER_TOKENS = 512
"""With less room than this, and half of the room for thoughts, an answer would end in mid-sentence: it is
refused instead."""

CLOSE_TIMEOUT_SECONDS = 5.0
"""How long turns that were cancelled may take to end."""

logger = logging.getLogger(__name__)


class Coach:
    """Takes turns with learners, on their quota. Holds no database connection while Gemini is answering."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        quota: Quota,
        gemini: GeminiClient,
        rollup_notifier: RollupNotifier,
        storage: StorageLimit,
    ) -> None:
        self._settings = settings
        self._database = database
        self._quota = quota
        self._recorder = SpendingRecorder(database)
        self._gemini = gemini
        self._storage = storage
        self._settlements = SettlementTracker(database, quota, rollup_notifier)
        self._thinking_level = settings.thinking_level
        self._keep_seconds = settings.gemini_deadline_seconds + SETTLING_SECONDS
        self._open_turns: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def turn(self, caller: Caller, body: ProcessRequest) -> AsyncIterator[Turn]:
        """Takes a turn for the length of the block; leaving it early ends the call at Gemini.

        However the block ends, what was used is charged, and the rest of the reservation is released.

        Raises:
            GeminiCircuitOpen: Gemini is down; nothing was looked up or reserved.
            SessionNotFound, TranscriptFull, OtherFeature: the session cannot be used for this turn.
            StorageLimitReached: today's storage does not suffice for both turns.
            QuotaExceeded: today's tokens do not suffice.
            TooLongForQuota: no day's tokens would.
        """
        self._gemini.ensure_available()
        reservation_id = new_id()
        call = await self._prepare(caller, body, reservation_id)
        record = self._recorder.open(caller.user_id, reservation_id, self._sent(call), recorded=True)
        turn = Turn(self._settlements, caller, body, reservation_id, self._gemini.model)
        ended = asyncio.get_running_loop().create_future()
        self._open_turns.add(ended)
        try:
            async with self._gemini.stream(call, record) as stream:
                turn.attach(stream)
                with self._recorder.following(record, stream):
                    yield turn
        finally:
            try:
                await turn.end()
            finally:
                self._open_turns.discard(ended)
                ended.set_result(None)

    async def close(self) -> None:
        """Waits until all turns, which were cancelled before, have ended and are settled."""
        if self._open_turns:
            await asyncio.wait(self._open_turns, timeout=CLOSE_TIMEOUT_SECONDS)
        await self._recorder.close()
        await self._settlements.close()

    async def _prepare(self, caller: Caller, body: ProcessRequest, reservation_id: UUID) -> GeminiCall:
        """Returns the call, its answer no longer than what could be reserved for it."""
        reserving = False
        try:
            async with self._database.acquire() as connection:
                session = await session_for_turn(connection, caller, body)
                if session:
                    # The answer counts as a row: how long it is is not known yet, and the quota bounds it.
                    await self._storage.count(caller.user_id, len(body.prompt.encode()), rows=2)
                call = with_estimate(self._build(body, session))
                wanted = Reserved(caller, reservation_id, feature_type_of(body, session))
                reserving = True
                try:
                    return await self._reserve(connection, wanted, call, with_margin(estimate_prompt(call)))
                except (QuotaExceeded, TooLongForQuota) as refusal:
                    refused = refusal
            counted = await count_if_close(self._gemini, call, refused)
            async with self._database.acquire() as connection:
                return await self._reserve(connection, wanted, call, counted)
        except (asyncio.CancelledError, DatabaseAway):
            # The reservation may be committed all the same: the outcome of a cancelled statement is unknown.
            if reserving:
                self._settlements.begin(Settlement(caller, reservation_id, REQUEST_TYPE))
            raise

    def _build(self, body: ProcessRequest, session: Session | None) -> GeminiCall:
        return build_call(
            body,
            session,
            history_tokens=self._settings.gemini_history_tokens,
            answer_tokens=self._settings.gemini_max_output_tokens,
            thinking_level=self._thinking_level,
        )

    async def _reserve(
        self, connection: Connection, wanted: Reserved, call: GeminiCall, prompt_tokens: int
    ) -> GeminiCall:
        """Reserves the prompt and the longest answer; when little remains, a shorter one."""
        least_output = MIN_ANSWER_TOKENS + thinking_room(self._thinking_level) // 2
        reservation = await self._quota.reserve(
            connection,
            wanted.caller.user_id,
            prompt_tokens + min(least_output, call.max_output_tokens),
            prompt_tokens + call.max_output_tokens,
            REQUEST_TYPE,
            own_limit=wanted.caller.daily_token_quota,
            keep_seconds=self._keep_seconds,
            feature_type=wanted.feature_type,
            reservation_id=wanted.id,
            durable=False,
            sent=self._sent(call),
        )
        return replace(call, max_output_tokens=reservation.tokens - prompt_tokens)

    def _sent(self, call: GeminiCall) -> Sent:
        return Sent(self._gemini.model, estimate_prompt(call))


@dataclass(frozen=True)
class Reserved:
    """Whose reservation a turn makes, its id, and the kind of practice that the ledger records."""

    caller: Caller
    id: UUID
    feature_type: FeatureType | None
