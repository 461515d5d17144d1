"""One turn with the coach while it is under way, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

from cara.coach import prompts
from cara.coach.schemas import CoachAnswer, ProcessRequest
from cara.coach.settlement import Dialogue, Settlement, Settlements
from cara.errors import Unavailable
from cara.gemini.alerting import log_operator_error
from cara.gemini.client import GeminiStream
from cara.gemini.errors import NOTHING_USED, GeminiError, GeminiUsage
from cara.quota.quota import Charge
from cara.web.guard import Caller

REQUEST_TYPE = "process"

logger = logging.getLogger(__name__)


class Turn:
    """Iterate over it for the pieces of the answer, then ask for the whole; a failure settles by itself."""

    def __init__(
        self,
        settlements: Settlements,
        caller: Caller,
        asked: ProcessRequest,
        reservation_id: UUID,
        usual_model: str,
    ) -> None:
        self._settlements = settlements
        self._caller = caller
        self._asked = asked
        self._reservation_id = reservation_id
        self._usual_model = usual_model
        self._begun = time.monotonic()
        self._stream: GeminiStream | None = None
        self._settling: asyncio.Task[int] | None = None

    def listen_to(self, stream: GeminiStream) -> None:
        """Where the answer comes from."""
        self._stream = stream

    def __aiter__(self) -> Turn:
        return self

    async def __anext__(self) -> str:
        piece = await self.next_piece()
        assert piece is not None
        return piece

    async def next_piece(self, within_seconds: float | None = None) -> str | None:
        """The next piece, or None when none has come in time.

        Only the wait for it is bounded: what a failure calls for is done to its end, and once.

        Raises:
            StopAsyncIteration: all have come.
            GeminiError: no more will come.
        """
        assert self._stream is not None
        try:
            async with asyncio.timeout(within_seconds):
                return (await anext(self._stream)).text
        except TimeoutError:
            return None
        except GeminiError as error:
            log_operator_error(error)
            await self._settle(error.code)
            raise

    async def answer(self) -> CoachAnswer:
        """The whole answer, once the rest of it has come; charged, and kept in the session.

        Raises:
            GeminiError: there is none.
            Unavailable: it could not be charged yet, because the database is away.
        """
        assert self._stream is not None
        async for _ in self:
            pass
        whole = self._stream.answer
        remaining = await self._settlements.wait(self._begin_settling("answered", answered=whole.text))
        return CoachAnswer(
            response=whole.text,
            tokens_used=self._stream.usage.total_tokens,
            remaining_quota=remaining,
            model=self._model,
            truncated=whole.truncated,
        )

    async def end(self) -> None:
        """Settles what nobody has settled yet: the learner has left.

        How a settlement went is told to who began it, and not here once more.
        """
        if self._settling is None:
            await self._settle("left")

    async def _settle(self, outcome: str) -> None:
        settling = self._begin_settling(outcome)
        try:
            await self._settlements.wait(settling)
        except Unavailable:
            logger.warning("reservation %s is still to be settled", self._reservation_id)

    def _begin_settling(self, outcome: str, answered: str | None = None) -> asyncio.Task[int]:
        """Settles once; who comes later gets the same settlement."""
        if self._settling is None:
            session_id, dialogue = self._asked.session_id, None
            if session_id and answered:
                dialogue = Dialogue(session_id, self._asked.prompt, answered)
            self._settling = self._settlements.begin(
                Settlement(
                    self._caller,
                    self._reservation_id,
                    REQUEST_TYPE,
                    Charge.of(self._model, self._usage),
                    dialogue,
                )
            )
            self._log(outcome)
        return self._settling

    @property
    def _usage(self) -> GeminiUsage:
        return self._stream.usage if self._stream else NOTHING_USED

    @property
    def _model(self) -> str:
        return (self._stream.model if self._stream else "") or self._usual_model

    def _log(self, outcome: str) -> None:
        """How it went, by numbers alone: no word of what was said."""
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
