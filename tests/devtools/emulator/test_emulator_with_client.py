"""What Cara's client makes of each way in which the emulator writes or counts a good answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import PlannedFault, WireDeviation
from cara.devtools.emulator.server import running_emulator
from cara.gemini.client import GeminiCall
from tests.devtools.emulator.talking import PLAINER_SCHEMA
from tests.gemini.clients import NO_TIMEOUTS, ask_gemini, open_client

LIMITS = replace(NO_TIMEOUTS, attempts=1, between_chunks_seconds=5)
SAID = [{"role": "user", "parts": [{"text": "We tried it, and it worked."}]}]
CHAT = GeminiCall("You are a coach.", SAID, 2_000)
JUDGEMENT = replace(CHAT, response_schema=PLAINER_SCHEMA)
UNTOLD = {
    WireDeviation.USAGE_ABSENT,
    WireDeviation.USAGE_EMPTY,
    WireDeviation.USAGE_PROMPT_ONLY,
    WireDeviation.USAGE_HUGE,
    WireDeviation.USAGE_NEGATIVE,
    WireDeviation.USAGE_FALLING,
}
"""What leaves the client to estimate, or to guess from a count that was told and fell."""


@pytest.mark.parametrize("call", [CHAT, JUDGEMENT], ids=["chat", "judgement"])
@pytest.mark.parametrize("switch", WireDeviation)
async def test_a_finished_answer_is_finished_and_costs_about_what_was_billed(
    switch: WireDeviation, call: GeminiCall
) -> None:
    async with running_emulator(EmulatorSettings(chunk_delay_seconds=0.001)) as running:
        running.emulator.fail_next(PlannedFault(switch, also=frozenset({WireDeviation.COMMENTS})))
        async with open_client(running.url, LIMITS) as client:
            answer = await ask_gemini(client, call)
        billed = running.emulator.ledger.total_tokens
    assert running.emulator.ledger.finished == running.emulator.ledger.calls == 1
    assert ("🙂" in answer.text) is (switch is WireDeviation.SPLIT_SURROGATES)
    assert (answer.data is None) is (call is CHAT)
    assert answer.usage.total_tokens == billed or switch in UNTOLD
    assert billed / 2 < answer.usage.total_tokens < 2 * billed
