"""The stream between a call and its reader."""

from __future__ import annotations

import asyncio

import pytest

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import NOTHING_USED, GeminiAnswer, GeminiCall, GeminiChunk
from cara.gemini.errors import GeminiInterrupted
from cara.gemini.streams import GeminiStream

ANSWER = GeminiAnswer("We grew.", None, NOTHING_USED, "", truncated=False)


@pytest.fixture
def stream() -> GeminiStream:
    return GeminiStream(AnswerInProgress(GeminiCall("", [], 500)))


async def test_what_has_come_before_it_is_read_is_one_chunk(stream: GeminiStream) -> None:
    stream.add(GeminiChunk("We "))
    stream.add(GeminiChunk("grew."))
    stream.end(ANSWER)
    assert [chunk.text async for chunk in stream] == ["We grew."]
    assert [chunk.text async for chunk in stream] == []
    assert stream.answer == ANSWER


async def test_a_reader_that_waits_gets_each_chunk(stream: GeminiStream) -> None:
    texts = []
    for text in ("We ", "grew", "."):
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert not reading.done()
        stream.add(GeminiChunk(text))
        texts.append((await reading).text)
    assert texts == ["We ", "grew", "."]


async def test_a_failure_is_raised_behind_what_came_before_it(stream: GeminiStream) -> None:
    stream.add(GeminiChunk("We "))
    stream.fail(GeminiInterrupted())
    assert (await anext(stream)).text == "We "
    for _ in range(2):
        with pytest.raises(GeminiInterrupted):
            await anext(stream)
    with pytest.raises(RuntimeError):
        _ = stream.answer


async def test_a_reader_that_was_cancelled_loses_nothing(stream: GeminiStream) -> None:
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.add(GeminiChunk("We grew."))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (await anext(stream)).text == "We grew."
