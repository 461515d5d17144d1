"""An answer while it is being written: its stream to the reader, and the attempt that fills it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import GeminiAnswer, GeminiChunk, GeminiLimits, GeminiUsage
from cara.gemini.event_stream import Event, EventStreamReader
from cara.gemini.resilience import GuardedCall
from cara.gemini.responses import parse_response
from cara.gemini.schemas import SchemaAttempts

USAGE_TIMEOUT_SECONDS = 3.0
"""How long a finished answer waits for usage in a chunk of its own, or for the end of its stream."""


class GeminiStream:
    """Iterate over it for the chunks; a failure is raised where the next chunk would be.

    A reader that comes late gets in one chunk what has come meanwhile. There is one reader.

    `spent`, `text` and `model` say what has come from Gemini so far, also after the stream was left;
    `answer` is there once the iteration has ended. The client fills it by `add`, `end` and `fail`.
    """

    def __init__(self, progress: AnswerInProgress) -> None:
        self._progress = progress
        # Bounded by max_output_tokens alone: cancelling a reader that waits for room would not end its call.
        self._waiting: list[str] = []
        self._has_ended = False
        self._news = asyncio.Event()
        self._answer: GeminiAnswer | None = None
        self._failure: Exception | None = None

    @property
    def spent(self) -> GeminiUsage:
        """What the call costs as far as is known, at any moment, also after it was left, failed or ended.

        Nothing if it was not sent or is not billed. What Gemini has not told is estimated.
        """
        return self._progress.spent

    @property
    def answered(self) -> bool:
        """Whether Gemini has begun to answer."""
        return self._progress.answered

    @property
    def text(self) -> str:
        return self._progress.text

    @property
    def model(self) -> str:
        """The name that the service gives itself; empty until its first response."""
        return self._progress.model

    @property
    def answer(self) -> GeminiAnswer:
        """The whole answer.

        Raises:
            RuntimeError: the stream has failed, or has not ended yet.
        """
        if self._answer is None:
            raise RuntimeError("the stream has not come to its end")
        return self._answer

    def __aiter__(self) -> GeminiStream:
        return self

    async def __anext__(self) -> GeminiChunk:
        while not (self._waiting or self._has_ended):
            self._news.clear()
            await self._news.wait()
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            return GeminiChunk(text)
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    def add(self, chunk: GeminiChunk) -> None:
        """Passes a chunk to the reader."""
        self._waiting.append(chunk.text)
        self._news.set()

    def end(self, answer: GeminiAnswer) -> None:
        """Ends the iteration: the answer is whole."""
        self._answer = answer
        self._end()

    def fail(self, failure: Exception) -> None:
        """Ends the iteration with a failure."""
        self._failure = failure
        self._end()

    def _end(self) -> None:
        self._has_ended = True
        self._news.set()


class CallAttempt:
    """One attempt at a call, and what it fills. `deadline` is a time of the loop's clock."""

    def __init__(
        self,
        stream: GeminiStream,
        progress: AnswerInProgress,
        schemas: SchemaAttempts,
        guarded: GuardedCall,
        deadline: float,
        limits: GeminiLimits,
    ) -> None:
        self.progress = progress
        self.schemas = schemas
        self.deadline = deadline
        self._stream = stream
        self._guarded = guarded
        self._limits = limits
        self._events = EventStreamReader()
        self._loop = asyncio.get_running_loop()

    def receive(self, data: bytes, waiting: asyncio.Timeout) -> None:
        """Passes on what the bytes say of the answer; `waiting` is extended if they do.

        Raises:
            ServiceError: the service sent an error.
            ValueError, RecursionError: an event cannot be read.
        """
        self._receive(self._events.feed(data), waiting)

    def end(self, waiting: asyncio.Timeout) -> None:
        """Passes on what the end of the stream completes; raises as `receive` does."""
        self._receive(self._events.close(), waiting)

    def _receive(self, events: Iterable[Event], waiting: asyncio.Timeout) -> None:
        progress = self.progress
        for event in events:
            parsed = parse_response(event)
            if parsed.ends:
                self._events.is_finished = True
            if not parsed.is_answer:
                continue
            if not progress.answered:
                self.schemas.accept()
                self._guarded.answering()
            if chunk := progress.add(parsed):
                self._stream.add(chunk)
            waiting.reschedule(self._loop.time() + self._wait_seconds())

    def _wait_seconds(self) -> float:
        """Returns how long the next chunk may take."""
        longest = self._limits.between_chunks_seconds
        return min(longest, USAGE_TIMEOUT_SECONDS) if self.progress.lacks_nothing_but_usage else longest
