"""A turn with the coach: the learner says something, Gemini answers, the quota is charged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import UUID

from cara.coach import prompts
from cara.coach.conversation import build_call, feature_type_of, session_for_turn
from cara.coach.schemas import CoachAnswer, ProcessRequest
from cara.coach.settlement import SETTLING_SECONDS, Dialogue, Settlement, SettlementTracker
from cara.errors import Unavailable
from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.client import GeminiCall, GeminiClient, GeminiStream
from cara.gemini.errors import GeminiError, log_operator_error
from cara.gemini.prompts import upper_estimate_of_prompt
from cara.postgres.database import Connection, Database, DatabaseAway, new_id
from cara.quota.quota import Charge, Quota
from cara.redis.queue import RollupNotifier
from cara.settings import Settings
from cara.web.guard import Caller

REQUEST_TYPE = "process"

MIN_OUTPUT_TOKENS = 512
"""With less room than this an answer would end in mid-thought: it is refused instead."""

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
    ) -> None:
        self._settings = settings
        self._database = database
        self._quota = quota
        self._gemini = gemini
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
            QuotaExceeded: today's tokens do not suffice.
            TooLongForQuota: no day's tokens would.
        """
        self._gemini.ensure_available()
        reservation_id = new_id()
        call = await self._prepare(caller, body, reservation_id)
        turn = Turn(self._settlements, caller, body, reservation_id, self._gemini.model)
        ended = asyncio.get_running_loop().create_future()
        self._open_turns.add(ended)
        try:
            async with self._gemini.stream(call) as stream:
                turn.attach(stream)
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
        await self._settlements.close()

    async def _prepare(self, caller: Caller, body: ProcessRequest, reservation_id: UUID) -> GeminiCall:
        """Returns the call, its answer no longer than what could be reserved for it."""
        reserving = False
        try:
            async with self._database.acquire() as connection:
                session = await session_for_turn(connection, caller, body)
                call = build_call(
                    body,
                    session,
                    history_tokens=self._settings.gemini_history_tokens,
                    max_output_tokens=self._settings.gemini_max_output_tokens,
                    thinking_level=self._thinking_level,
                )
                feature_type, reserving = feature_type_of(body, session), True
                return await self._reserve(connection, caller, call, reservation_id, feature_type)
        except (asyncio.CancelledError, DatabaseAway):
            # The reservation may be committed all the same: the outcome of a cancelled statement is unknown.
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
        reservation = await self._quota.reserve(
            connection,
            caller.user_id,
            prompt_tokens + min(MIN_OUTPUT_TOKENS, call.max_output_tokens),
            prompt_tokens + call.max_output_tokens,
            REQUEST_TYPE,
            own_limit=caller.daily_token_quota,
            keep_seconds=self._keep_seconds,
            feature_type=feature_type,
            reservation_id=reservation_id,
            durable=False,
        )
        return replace(call, max_output_tokens=reservation.tokens - prompt_tokens)


class Turn:
    """A turn under way: read the chunks of the answer, then the whole; a failure settles by itself."""

    def __init__(
        self,
        settlements: SettlementTracker,
        caller: Caller,
        body: ProcessRequest,
        reservation_id: UUID,
        usual_model: str,
    ) -> None:
        self._settlements = settlements
        self._caller = caller
        self._body = body
        self._reservation_id = reservation_id
        self._usual_model = usual_model
        self._begun = time.monotonic()
        self._stream: GeminiStream | None = None
        self._settling: asyncio.Task[int] | None = None

    def attach(self, stream: GeminiStream) -> None:
        """Sets the stream that the answer comes from."""
        self._stream = stream

    async def next_chunk(self, timeout_seconds: float | None = None) -> str | None:
        """Returns the next chunk of text, or None when none has come in time.

        The timeout bounds only the wait for it: a failure is settled to its end, and once.

        Raises:
            StopAsyncIteration: there are no more.
            GeminiError: the call failed.
        """
        assert self._stream is not None
        try:
            async with asyncio.timeout(timeout_seconds):
                return (await anext(self._stream)).text
        except TimeoutError:
            return None
        except GeminiError as error:
            log_operator_error(error)
            await self._settle(error.code)
            raise

    async def answer(self) -> CoachAnswer:
        """Returns the whole answer, once the rest of it has come; charged, and kept in the session.

        Raises:
            GeminiError: the call failed.
            Unavailable: it could not be charged yet, because the database is away.
        """
        assert self._stream is not None
        with suppress(StopAsyncIteration):
            while True:
                await self.next_chunk()
        whole = self._stream.answer
        remaining = await self._settlements.wait(self._begin_settling("answered", answer=whole.text))
        return CoachAnswer(
            response=whole.text,
            tokens_used=self._stream.spent.total_tokens,
            remaining_quota=remaining,
            model=self._model,
            truncated=whole.truncated,
        )

    async def end(self) -> None:
        """Settles the turn if that has not begun: the learner has left."""
        if self._settling is None:
            await self._settle("left")

    async def _settle(self, outcome: str) -> None:
        settling = self._begin_settling(outcome)
        try:
            await self._settlements.wait(settling)
        except Unavailable:
            logger.warning("reservation %s is still to be settled", self._reservation_id)

    def _begin_settling(self, outcome: str, answer: str | None = None) -> asyncio.Task[int]:
        """Begins to settle once; later calls get the same settlement."""
        if self._settling is None:
            session_id = self._body.session_id
            dialogue = Dialogue(session_id, self._body.prompt, answer) if session_id and answer else None
            charge = Charge.of(self._model, self._usage)
            self._settling = self._settlements.begin(
                Settlement(self._caller, self._reservation_id, REQUEST_TYPE, charge, dialogue)
            )
            self._log(outcome)
        return self._settling

    @property
    def _usage(self) -> GeminiUsage:
        return self._stream.spent if self._stream else NOTHING_USED

    @property
    def _model(self) -> str:
        return (self._stream.model if self._stream else "") or self._usual_model

    def _log(self, outcome: str) -> None:
        """Logs how the turn ended, by numbers alone: no word of what was said."""
        logger.info(
            "process %s: %s after %d ms, %d + %d tokens, %s, %s",
            self._reservation_id,
            outcome,
            (time.monotonic() - self._begun) * 1000,
            self._usage.prompt_tokens,
            self._usage.output_tokens + self._usage.thinking_tokens,
            self._model,
            prompts.VERSION,
        )
