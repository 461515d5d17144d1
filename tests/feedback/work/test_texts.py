"""What a listener is told while Gemini writes: the texts, and progress that only grows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import cast

import pytest

from cara.feedback.work.texts import publish_texts
from cara.gemini.streams import GeminiChunk, GeminiStream
from cara.jobs.notifier import Publisher


class Published:
    """Keeps what is published, in the place of a publisher."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.progressed: list[tuple[str, int]] = []

    async def partial(self, part: str, text: str) -> None:
        self.texts[part] = self.texts.get(part, "") + text

    async def progress(self, stage: str, percent: int) -> None:
        self.progressed.append((stage, percent))


async def published(judgement: dict[str, object], chunk_characters: int) -> Published:
    """What is published of a judgement that comes in chunks."""
    text = json.dumps(judgement)

    async def chunks() -> AsyncIterator[GeminiChunk]:
        for start in range(0, len(text), chunk_characters):
            yield GeminiChunk(text[start : start + chunk_characters])

    seen = Published()
    await publish_texts(cast(GeminiStream, chunks()), cast(Publisher, seen))
    return seen


@pytest.mark.parametrize(("characters", "percent"), [(199, None), (230, 20), (1_600, 50), (2_960, 85)])
async def test_progress_goes_by_the_usual_length_in_steps_of_five(
    characters: int, percent: int | None
) -> None:
    judgement = {"summary": "a" * (characters - len('{"summary": ""}'))}
    seen = await published(judgement, chunk_characters=10_000)
    assert seen.progressed == ([("asking", percent)] if percent else [])
    assert seen.texts == judgement


async def test_progress_only_grows_and_stays_below_the_next_stage_however_long_the_answer_is() -> None:
    judgement = {"summary": "a" * 9_000}
    seen = await published(judgement, chunk_characters=50)
    assert seen.progressed == [("asking", percent) for percent in range(20, 90, 5)]
    assert seen.texts == judgement
