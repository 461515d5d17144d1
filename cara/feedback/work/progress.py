"""How far an attempt is: stored in the job's row first, then published, so that a poll never shows less.

Whoever polls and whoever listens sees the same: what is published is in PostgreSQL by then.
"""

from __future__ import annotations

import time
from typing import Final

from cara.errors import Unavailable
from cara.feedback.assessment.growing_texts import GrowingTexts
from cara.feedback.work.attempt import Attempt, ensure_held
from cara.gemini.streams import GeminiStream
from cara.jobs import transitions
from cara.postgres.database import Database
from cara.postgres.retries import retry_database

ASKING_PROGRESS, LATEST_PROGRESS = 15, 88
"""The progress of a job when Gemini is asked, and when it has answered, in percent."""

STEP_PERCENT = 5
USUAL_ANSWER_CHARACTERS = 3_000
"""The usual length of a judgement. Progress while Gemini writes goes by the length of what it has written."""

STEP_PAUSE_SECONDS: Final = 0.25
"""How long after one step the next one is stored at the earliest: nobody sees more of them, and a model that
writes fast would make PostgreSQL and Redis most of what a job costs."""

STEP_SECONDS: Final = 0.5
"""How long a step may wait for PostgreSQL. All steps of an answer together take less than the time that an
attempt has beside Gemini: a judgement is never lost for the sake of its progress."""


class ProgressWriter:
    """Stores and publishes what attempts reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retry_database
    async def reach(self, attempt: Attempt, stage: str, progress: int) -> None:
        """Stores the stage that the job reached, then publishes it.

        Raises:
            LeaseLost, CancelRequested: the job is not the attempt's any more, or not wanted.
            Unavailable: the database was away for longer than `retry_database` waits.
        """
        async with self._database.acquire() as connection:
            reached = await transitions.advance_job(connection, *attempt.key, stage, progress)
        if reached is None and attempt.complete:
            return  # whether the answer can still be saved shows when it is saved
        ensure_held(reached)
        await attempt.publisher.progress(stage, progress)

    async def follow(self, attempt: Attempt, stream: GeminiStream) -> None:
        """Publishes the texts of a judgement while Gemini writes it, and the progress by their length.

        Raises:
            LeaseLost, CancelRequested: as `reach`.
            GeminiError: the stream fails.
        """
        texts, reached = GrowingTexts(), ASKING_PROGRESS
        next_step_at = time.monotonic() + STEP_PAUSE_SECONDS
        async for chunk in stream:
            for part, text in texts.grow(chunk.text):
                await attempt.publisher.partial(part, text)
            progress = _asking_progress(texts.length)
            if progress > reached and time.monotonic() >= next_step_at:
                reached, next_step_at = progress, time.monotonic() + STEP_PAUSE_SECONDS
                await self._step(attempt, progress)

    async def _step(self, attempt: Attempt, progress: int) -> None:
        """Stores and publishes progress while Gemini writes, or neither if the database is away or slow."""
        try:
            async with self._database.acquire(seconds=STEP_SECONDS) as connection:
                held = await transitions.advance_job(connection, *attempt.key, "asking", progress)
        except Unavailable:
            return
        ensure_held(held)
        await attempt.publisher.progress("asking", progress)


def _asking_progress(characters: int) -> int:
    """Returns progress in percent after this many characters of the judgement, in steps of five."""
    share = min(characters / USUAL_ANSWER_CHARACTERS, 1)
    steps = int(share * (LATEST_PROGRESS - ASKING_PROGRESS) / STEP_PERCENT)
    return ASKING_PROGRESS + STEP_PERCENT * steps
