"""An answer while it is being written."""

from __future__ import annotations

import asyncio

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import GeminiAnswer, GeminiChunk, GeminiUsage


class GeminiStream:
    """Iterate over it for the chunks; a failure is raised where the next chunk would be.

    `spent`, `text` and `model` say what has come from Gemini so far, also after the stream was left;
    `answer` is there once the iteration has ended. The client fills it by `add`, `end` and `fail`.
    """

    def __init__(self, progress: AnswerInProgress) -> None:
        self._progress = progress
        # Bounded by max_output_tokens alone: cancelling a reader that waits for room would not end its call.
        self._chunks: asyncio.Queue[GeminiChunk | None] = asyncio.Queue()
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
        chunk = await self._chunks.get()
        if chunk is not None:
            return chunk
        self._chunks.put_nowait(None)
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    def add(self, chunk: GeminiChunk) -> None:
        """Passes a chunk to the reader."""
        self._chunks.put_nowait(chunk)

    def end(self, answer: GeminiAnswer) -> None:
        """Ends the iteration: the answer is whole."""
        self._answer = answer
        self._chunks.put_nowait(None)

    def fail(self, failure: Exception) -> None:
        """Ends the iteration with a failure."""
        self._failure = failure
        self._chunks.put_nowait(None)
