"""An answer while it is being written."""

from __future__ import annotations

import asyncio

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import GeminiAnswer, GeminiChunk
from cara.gemini.errors import GeminiUsage


class GeminiStream:
    """Iterate over it for the pieces; a failure is raised where the next piece would be.

    `usage`, `text` and `model` tell what has come from Gemini so far, also after the stream was left;
    `answer` is there once the iteration has ended.
    """

    def __init__(self, progress: AnswerInProgress) -> None:
        self._progress = progress
        # Bounded by max_output_tokens alone: cancelling a reader that waits for room would not end its call.
        self._pieces: asyncio.Queue[GeminiChunk | None] = asyncio.Queue()
        self._answer: GeminiAnswer | None = None
        self._failure: Exception | None = None

    @property
    def usage(self) -> GeminiUsage:
        return self._progress.usage

    @property
    def paid(self) -> bool:
        """Whether Gemini has begun to answer."""
        return self._progress.paid

    @property
    def text(self) -> str:
        return self._progress.text

    @property
    def model(self) -> str:
        """The name that the service gave itself; empty until it has said anything."""
        return self._progress.model

    @property
    def answer(self) -> GeminiAnswer:
        """The whole answer.

        Raises:
            RuntimeError: the stream has not ended well, or not yet.
        """
        if self._answer is None:
            raise RuntimeError("the stream has not come to its end")
        return self._answer

    def __aiter__(self) -> GeminiStream:
        return self

    async def __anext__(self) -> GeminiChunk:
        piece = await self._pieces.get()
        if piece is not None:
            return piece
        self._pieces.put_nowait(None)
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    def push(self, piece: GeminiChunk) -> None:
        """Another piece has come."""
        self._pieces.put_nowait(piece)

    def end(self, answer: GeminiAnswer) -> None:
        """All has come."""
        self._answer = answer
        self._pieces.put_nowait(None)

    def fail(self, failure: Exception) -> None:
        """No more will come."""
        self._failure = failure
        self._pieces.put_nowait(None)
