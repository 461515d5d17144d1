"""A turn under way: its chunks, its whole answer, and its settlement however it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from uuid import UUID

from cara.coach import prompts
from cara.coach.schemas import CoachAnswer, ProcessRequest
from cara.coach.settlement import Dialogue, Settlement, SettlementTracker
from cara.errors import Unavailable
from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.client import GeminiStream
from cara.gemini.errors import GeminiError, log_operator_error
from cara.quota.queries import Charge
from cara.web.guard import Caller

REQUEST_TYPE = "process"

logger = logging.getLogger(__name__)


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
