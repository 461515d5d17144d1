"""The client of Gemini: a call from its beginning to its end, and all that surrounds it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import GeminiAnswer, GeminiCall, GeminiChunk, GeminiLimits, SendJournal
from cara.gemini.errors import GeminiBadAnswer, GeminiError, GeminiTimedOut, GeminiUnavailable
from cara.gemini.resilience import (
    Clock,
    GeminiBreaker,
    GeminiSlots,
    Retries,
    withdraw,
)
from cara.gemini.responses import LARGEST_COUNT
from cara.gemini.schemas import AcceptedSchemas, SchemaStep
from cara.gemini.sdk import Exchange, GeminiSdk, exchange
from cara.gemini.streams import CallAttempt, GeminiStream
from cara.gemini.translation import accept_finished, translate_errors
from cara.settings import Settings

__all__ = ["GeminiAnswer", "GeminiCall", "GeminiChunk", "GeminiClient", "GeminiLimits", "GeminiStream"]

CLOSE_TIMEOUT_SECONDS = 2.0
"""How long a stream that is left may take to end its call."""


class GeminiClient:
    """Calls one model; one client a process, closed at its end.

    Every call is bounded by the deadline, retried while that costs nothing, counted among those in flight,
    and refused at once while the circuit is open. Every failure is a `GeminiError` that says what the call
    has cost. `clock` gives the breaker its seconds.
    """

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str | None = None,
        limits: GeminiLimits | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.model = model
        self.limits = limits or GeminiLimits()
        self._breaker = GeminiBreaker(
            self.limits.breaker_failures, self.limits.breaker_cooldown_seconds, clock
        )
        self._slots = GeminiSlots(self.limits.max_in_flight, self.limits.slot_wait_seconds)
        self._schemas = AcceptedSchemas()
        self._sdk = GeminiSdk(api_key, base_url, self.limits.deadline_seconds)
        self._streams: set[asyncio.Task[None]] = set()

    @property
    def circuit(self) -> str:
        """`closed` (all is well), `open` or `half_open`."""
        return self._breaker.state

    def ensure_available(self) -> None:
        """Raises GeminiCircuitOpen, with the seconds to wait, if a call made now would be refused."""
        self._breaker.check()

    def schema_accepted(self, schema: dict[str, Any]) -> SchemaStep | None:
        """Returns in which form the model accepted the schema of a call; None before its first answer."""
        return self._schemas.accepted(schema)

    async def warm_up(self) -> None:
        """Imports the SDK and builds its client, off the loop; otherwise the first call does."""
        await self._sdk.open()

    @asynccontextmanager
    async def stream(
        self, call: GeminiCall, journal: SendJournal | None = None
    ) -> AsyncIterator[GeminiStream]:
        """Streams the answer: enter it, then iterate over the stream for its chunks.

        Leaving the block ends the call at Gemini too. The iteration raises GeminiError, and what the journal
        raises when it records; then nothing is sent.
        """
        progress = AnswerInProgress(call)
        stream = GeminiStream(progress)
        task = asyncio.create_task(self._fill(stream, progress, call, journal))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        try:
            yield stream
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=CLOSE_TIMEOUT_SECONDS)

    async def count_tokens(self, call: GeminiCall) -> int:
        """Returns the prompt's tokens by Gemini's own count: instruction and schema as if they were said.

        Raises:
            GeminiError: it could not be asked, or told no count.
        """
        said = [call.system_instruction]
        if call.response_schema is not None:
            said.append(json.dumps(call.response_schema, separators=(",", ":")))
        head = {"role": "user", "parts": [{"text": text} for text in said if text]}
        contents: Any = ([head] if head["parts"] else []) + call.contents
        deadline = asyncio.get_running_loop().time() + self.limits.deadline_seconds
        await self._open_sdk(deadline)
        self._breaker.check()
        async with (
            self._slots.hold(deadline),
            self._breaker.guard(),
            translate_errors(AnswerInProgress(call)),
            asyncio.timeout_at(deadline),
        ):
            counted = await self._sdk.models.count_tokens(model=self.model, contents=contents)
        tokens = counted.total_tokens
        if tokens is None or not 0 < tokens <= LARGEST_COUNT:
            raise GeminiBadAnswer("unreadable")
        return tokens

    async def close(self) -> None:
        """Ends all streams, whose readers get GeminiUnavailable, and closes the connections."""
        for task in (open_streams := list(self._streams)):
            task.cancel()
        if open_streams:
            await asyncio.wait(open_streams, timeout=CLOSE_TIMEOUT_SECONDS)
        await self._sdk.close()

    async def _fill(
        self, stream: GeminiStream, progress: AnswerInProgress, call: GeminiCall, journal: SendJournal | None
    ) -> None:
        """Reads one answer into the stream; a task, because only cancelling one ends the call at Gemini."""
        try:
            stream.end(await self._answer(stream, progress, call, journal))
        except asyncio.CancelledError:
            stream.fail(GeminiUnavailable(usage=progress.spent))
            raise
        except Exception as error:
            stream.fail(error)

    async def _answer(
        self, stream: GeminiStream, progress: AnswerInProgress, call: GeminiCall, journal: SendJournal | None
    ) -> GeminiAnswer:
        """Makes the call, again where that costs nothing, and returns the whole answer."""
        deadline = asyncio.get_running_loop().time() + self.limits.deadline_seconds
        retries, schemas = Retries(self.limits.attempts, deadline), self._schemas.attempts(call)
        while True:
            try:
                progress.clear()
                await self._open_sdk(deadline)
                self._breaker.check()
                async with self._slots.hold(deadline, journal), self._breaker.guard() as guarded:
                    attempt = CallAttempt(stream, progress, schemas, guarded, deadline, self.limits)
                    return await self._attempt(attempt, journal)
            except GeminiError as error:
                if progress.is_billed:
                    raise
                await withdraw(journal)
                if schemas.go_on_after(error):
                    continue
                delay = retries.delay_after(error)
                if delay is None:
                    raise schemas.refusal(error) from None
                await asyncio.sleep(delay)

    async def _attempt(self, attempt: CallAttempt, journal: SendJournal | None) -> GeminiAnswer:
        """Records that the request is sent, sends it, and returns the answer."""
        if journal is not None:
            await journal.record()
        progress = attempt.progress
        async with translate_errors(progress):
            async with accept_finished(progress), asyncio.timeout_at(attempt.deadline):
                with exchange(progress) as present:
                    await self._read(attempt, present)
            return progress.finish()

    async def _read(self, attempt: CallAttempt, present: Exchange) -> None:
        """Sends the request and reads the response, as long as each chunk of the answer comes in time."""
        async with asyncio.timeout(self.limits.first_token_seconds) as waiting:
            await self._sdk.send(self.model, attempt.schemas.request_body())
            while data := await present.read():
                attempt.receive(data, waiting)
            attempt.end(waiting)

    async def _open_sdk(self, deadline: float) -> None:
        """Opens the SDK unless it is open.

        Raises:
            GeminiTimedOut: it takes too long.
        """
        if self._sdk.is_open:
            return
        try:
            async with asyncio.timeout_at(deadline):
                await self._sdk.open()
        except TimeoutError:
            raise GeminiTimedOut from None


def connect_gemini(settings: Settings) -> GeminiClient:
    """Makes the client that the settings describe, one a process; it connects at the first call."""
    return GeminiClient(
        api_key=settings.gemini_api_key.get_secret_value() if settings.gemini_api_key else "missing",
        model=settings.gemini_model,
        base_url=settings.gemini_base_url,
        limits=GeminiLimits(
            deadline_seconds=settings.gemini_deadline_seconds,
            first_token_seconds=settings.gemini_first_token_seconds,
            between_chunks_seconds=settings.gemini_between_chunks_seconds,
            max_in_flight=settings.gemini_max_in_flight,
            slot_wait_seconds=settings.gemini_slot_wait_seconds,
            attempts=settings.gemini_attempts,
            breaker_failures=settings.gemini_breaker_failures,
            breaker_cooldown_seconds=settings.gemini_breaker_cooldown_seconds,
        ),
    )
