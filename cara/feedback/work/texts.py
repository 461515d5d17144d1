"""Publishes the texts of a judgement, and the progress, while Gemini writes it."""

from __future__ import annotations

from cara.feedback.assessment.prompt import GrowingTexts
from cara.gemini.streams import GeminiStream
from cara.jobs.notifier import Publisher

ASKING_PROGRESS, LATEST_PROGRESS = 15, 88
"""The progress of a job when Gemini is asked, and when it has answered, in percent."""

USUAL_ANSWER_CHARACTERS = 3_000
"""The usual length of a judgement. Progress while Gemini writes goes by the length of what it has written."""


async def publish_texts(stream: GeminiStream, publisher: Publisher) -> None:
    """Publishes the texts of a judgement, and the progress, while Gemini writes it."""
    texts, published = GrowingTexts(), ASKING_PROGRESS
    async for chunk in stream:
        for part, text in texts.grow(chunk.text):
            await publisher.partial(part, text)
        progress = _asking_progress(texts.length)
        if progress > published:
            published = progress
            await publisher.progress("asking", progress)


def _asking_progress(characters: int) -> int:
    """Returns progress in percent after this many characters of the judgement, in steps of five."""
    share = min(characters / USUAL_ANSWER_CHARACTERS, 1)
    return ASKING_PROGRESS + 5 * int(share * (LATEST_PROGRESS - ASKING_PROGRESS) / 5)
