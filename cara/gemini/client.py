"""The one way to Gemini.

Nothing else imports google.genai, and this module does so late, because it is slow to import.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from cara.gemini.answers import AnswerInProgress
from cara.gemini.breaker import GeminiBreaker
from cara.gemini.calls import GeminiAnswer, GeminiCall, GeminiChunk, GeminiLimits
from cara.gemini.errors import GeminiTimedOut, GeminiUnavailable
from cara.gemini.failures import in_our_words
from cara.gemini.http import open_session
from cara.gemini.responses import piece_of
from cara.gemini.retry import with_retries
from cara.gemini.slots import GeminiSlots
from cara.gemini.streams import GeminiStream

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from google.genai import Client
    from google.genai.types import GenerateContentConfig

__all__ = ["GeminiAnswer", "GeminiCall", "GeminiChunk", "GeminiClient", "GeminiLimits", "GeminiStream"]

T = TypeVar("T")

API_VERSION = "v1beta"
BASE_URL = "https://generativelanguage.googleapis.com/"
LEAVING_SECONDS = 2.0


class GeminiClient:
    """Calls one model; one client a process, closed at its end.

    Every call is bounded by the deadline, retried while that costs nothing, counted among those in flight,
    and refused at once while the circuit is open. All that goes wrong is a `GeminiError` with the usage
    known so far.
    """

    def __init__(
        self, *, api_key: str, model: str, base_url: str | None = None, limits: GeminiLimits | None = None
    ) -> None:
        self.model = model
        self.limits = limits or GeminiLimits()
        self._api_key = api_key
        self._base_url = base_url or BASE_URL
        self._breaker = GeminiBreaker(self.limits.breaker_failures, self.limits.breaker_cooldown_seconds)
        self._slots = GeminiSlots(self.limits.max_in_flight, self.limits.slot_wait_seconds)
        self._sdk: Client | None = None
        self._session: ClientSession | None = None
        self._sdk_lock = asyncio.Lock()
        self._streams: set[asyncio.Task[None]] = set()

    @property
    def circuit(self) -> str:
        """`closed` (all is well), `open` or `half_open`."""
        return self._breaker.state

    def ensure_available(self) -> None:
        """Nothing, unless a call made now would be refused because Gemini is down.

        Raises:
            GeminiCircuitOpen: it would; says when to come back.
        """
        self._breaker.check()

    async def warm_up(self) -> None:
        """Imports the SDK and builds its client, off the loop; otherwise the first call does."""
        async with self._sdk_lock:
            self._session = self._session or open_session()
            if self._sdk is None:
                self._sdk = await asyncio.to_thread(self._build_sdk, self._session)

    @asynccontextmanager
    async def stream(self, call: GeminiCall) -> AsyncIterator[GeminiStream]:
        """The answer piece by piece: enter it, then iterate over what it gives.

        Leaving the block ends the call at Gemini too. The iteration raises GeminiError.
        """
        progress = AnswerInProgress(call.response_schema)
        stream = GeminiStream(progress)
        task = asyncio.create_task(self._fill(stream, progress, call))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        try:
            yield stream
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=LEAVING_SECONDS)

    async def count_tokens(self, call: GeminiCall) -> int:
        """The prompt's tokens by Gemini's own count, with those of the instruction and the schema, which are
        counted as if they were said: the API has no other way.

        Raises:
            GeminiError
        """
        said = [call.system_instruction]
        if call.response_schema is not None:
            said.append(json.dumps(call.response_schema, separators=(",", ":")))
        head = {"role": "user", "parts": [{"text": text} for text in said if text]}
        contents: Any = ([head] if head["parts"] else []) + call.contents

        async def read(sdk: Client) -> int:
            counted = await sdk.aio.models.count_tokens(model=self.model, contents=contents)
            return counted.total_tokens or 0

        return await self._ask(read, AnswerInProgress(None))

    async def close(self) -> None:
        """Ends all streams, whose readers get GeminiUnavailable, and closes the connections."""
        for task in (open_streams := list(self._streams)):
            task.cancel()
        if open_streams:
            await asyncio.wait(open_streams, timeout=LEAVING_SECONDS)
        if self._sdk is not None:
            await self._sdk.aio.aclose()
            self._sdk.close()
        if self._session is not None:
            await self._session.close()

    async def _opened(self, deadline: float) -> Client:
        """The SDK's client, unless building it takes too long."""
        try:
            async with asyncio.timeout_at(deadline):
                if self._sdk is None:
                    await self.warm_up()
        except TimeoutError:
            raise GeminiTimedOut from None
        assert self._sdk is not None
        return self._sdk

    def _build_sdk(self, session: ClientSession) -> Client:
        _import_sdk()
        from google.genai import Client
        from google.genai.types import HttpOptions, HttpRetryOptions

        options = HttpOptions(
            base_url=self._base_url,
            api_version=API_VERSION,
            timeout=round(self.limits.deadline_seconds * 1000),
            retry_options=HttpRetryOptions(attempts=1),
            aiohttp_client=session,
        )
        return Client(api_key=self._api_key, vertexai=False, http_options=options)

    async def _fill(self, stream: GeminiStream, progress: AnswerInProgress, call: GeminiCall) -> None:
        """Reads one answer into `stream`; a task, because only cancelling one ends the call at Gemini."""
        try:
            stream.end(await self._ask(lambda sdk: self._read(sdk, stream, progress, call), progress))
        except asyncio.CancelledError:
            stream.fail(GeminiUnavailable(usage=progress.usage))
            raise
        except Exception as error:
            stream.fail(error)

    async def _read(
        self, sdk: Client, stream: GeminiStream, progress: AnswerInProgress, call: GeminiCall
    ) -> GeminiAnswer:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.limits.first_token_seconds) as patience:
            responses = await sdk.aio.models.generate_content_stream(
                model=self.model, contents=call.contents, config=_config(call)
            )
            async for response in responses:
                if chunk := progress.take(piece_of(response)):
                    stream.push(chunk)
                patience.reschedule(loop.time() + self.limits.between_chunks_seconds)
                await self._breaker.answering()
        return progress.finish()

    async def _ask(self, read: Callable[[Client], Awaitable[T]], progress: AnswerInProgress) -> T:
        """`read` with all that surrounds a call: deadline, retries, slot, circuit, our own errors."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.deadline_seconds
        sdk = await self._opened(deadline)

        async def attempt() -> T:
            progress.clear()
            self._breaker.check()
            async with self._slots.one(deadline):
                return await self._breaker.call(lambda: in_our_words(lambda: read(sdk), progress, deadline))

        return await with_retries(
            attempt,
            attempts=self.limits.attempts,
            within_seconds=deadline - loop.time(),
            unless=lambda: progress.paid,
        )


def _import_sdk() -> None:
    """Imports the SDK, and keeps the garbage collector from what that leaves behind for good.

    With it a process has some 150,000 objects that stay for good. Full collections, which hold the
    interpreter's lock, would look at all of them again: 80 ms each, while everybody waits.
    """
    if "google.genai" in sys.modules:
        return
    gc.disable()
    try:
        importlib.import_module("google.genai")
        gc.freeze()
    finally:
        gc.enable()


def _config(call: GeminiCall) -> GenerateContentConfig:
    from google.genai import types

    as_json = call.response_schema is not None
    thinking = types.ThinkingConfig(thinking_level=call.thinking_level) if call.thinking_level else None
    return types.GenerateContentConfig(
        system_instruction=call.system_instruction or None,
        max_output_tokens=call.max_output_tokens,
        response_mime_type="application/json" if as_json else None,
        response_json_schema=call.response_schema,
        thinking_config=thinking,
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
