"""When Gemini is asked to count a prompt, and what becomes of the refusal."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import cast

import pytest

from cara.gemini.calls import GeminiCall
from cara.gemini.client import GeminiClient
from cara.gemini.errors import GeminiUnavailable
from cara.gemini.tokens import estimate_prompt, with_margin
from cara.quota import counting
from cara.quota.counting import count_if_close
from cara.quota.errors import QuotaExceeded, QuotaStatus, TooLongForQuota
from tests.waiting import time_limit

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
CALL = GeminiCall(
    system_instruction="You are a judge.",
    contents=[{"role": "user", "parts": [{"text": "We sold 1234567890 of them. " * 40}]}],
    max_output_tokens=1,
)
ESTIMATE = with_margin(estimate_prompt(CALL))
COUNTED = ESTIMATE * 3 // 4


class Counter:
    """Counts prompts as a client of Gemini does, fails, or never answers."""

    def __init__(self, answer: int | Exception | None) -> None:
        self.answer = answer
        self.asked = 0

    async def count_tokens(self, _: GeminiCall) -> int:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast(int, self.answer)

    @property
    def client(self) -> GeminiClient:
        return cast(GeminiClient, self)


def refusal(missing: int) -> QuotaExceeded:
    """The refusal of a day that has too few tokens by so many."""
    return QuotaExceeded(1_000, QuotaStatus(0, 0, 1_000 - missing, NOW, {}), NOW)


@pytest.mark.parametrize("kind", ["today", "any day"])
@pytest.mark.parametrize(("share", "asked"), [(0.01, 1), (0.39, 1), (0.41, 0), (1.0, 0)])
async def test_a_prompt_is_counted_only_if_a_small_part_of_its_estimate_is_missing(
    kind: str, share: float, asked: int
) -> None:
    counter, missing = Counter(COUNTED), round(share * ESTIMATE)
    refused = refusal(missing) if kind == "today" else TooLongForQuota(1_000, 1_000 - missing)
    assert refused.missing == missing
    if asked:
        assert await count_if_close(counter.client, CALL, refused) == COUNTED
    else:
        with pytest.raises(type(refused)) as raised:
            await count_if_close(counter.client, CALL, refused)
        assert raised.value is refused
    assert counter.asked == asked


async def test_a_count_that_is_hardly_possible_is_taken_for_the_least_that_is() -> None:
    assert await count_if_close(Counter(1).client, CALL, refusal(10)) == math.ceil(0.6 * ESTIMATE)


async def test_a_count_that_is_no_lower_than_the_estimate_does_not_help() -> None:
    refused = refusal(10)
    with pytest.raises(QuotaExceeded) as raised:
        await count_if_close(Counter(ESTIMATE).client, CALL, refused)
    assert raised.value is refused


@pytest.mark.parametrize("answer", [GeminiUnavailable(), None])
async def test_the_refusal_stands_if_gemini_fails_or_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None
) -> None:
    monkeypatch.setattr(counting, "COUNT_TIMEOUT_SECONDS", 0.01)
    counter, refused = Counter(answer), refusal(1)
    async with time_limit():
        with pytest.raises(QuotaExceeded) as raised:
            await count_if_close(counter.client, CALL, refused)
    assert raised.value is refused
    assert counter.asked == 1


def test_the_document_describes_each_member_of_a_refusal() -> None:
    types = {int: "integer", str: "string"}
    given = {name: types[type(value)] for name, value in refusal(1).further_members().items()}
    schemas = QuotaExceeded.further_member_schemas
    assert {name: schema["type"] for name, schema in schemas.items()} == given
    assert all(schema["description"] for schema in schemas.values())
    assert schemas["resetAt"]["format"] == "date-time"
