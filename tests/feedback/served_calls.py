"""What the emulator served a call, told and estimated, and what the tables say is charged for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cara.devtools.emulator.faults import PlannedFault, WireDeviation
from cara.devtools.emulator.prompt import read_prompt
from cara.devtools.emulator.reply import Reply, compose
from cara.devtools.emulator.usage import told_usage
from cara.gemini.calls import GeminiCall
from cara.gemini.tokens import estimate_prompt, estimate_tokens
from cara.postgres.database import Database
from tests.coach.coach_client import PATH, PROMPT, STREAM, QuotaTables, settled_tables
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.streams import read_events

INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Served:
    """What the emulator served last, computed again from the request that it recorded."""

    call: GeminiCall
    reply: Reply

    @classmethod
    def by(cls, emulator: RunningEmulator, planned: PlannedFault) -> Served:
        body = emulator.emulator.requests[-1].body
        config = body["generationConfig"]
        call = GeminiCall(
            body["systemInstruction"]["parts"][0]["text"],
            body["contents"],
            config["maxOutputTokens"],
            config.get("responseJsonSchema"),
        )
        return cls(call, compose(read_prompt(body), emulator.emulator.settings, planned))

    @property
    def prompt_estimate(self) -> int:
        return estimate_prompt(self.call)

    @property
    def estimate(self) -> int:
        """The tokens of the whole call by Cara's own estimate."""
        return self.prompt_estimate + estimate_tokens("".join(self.reply.chunks))

    @property
    def highest_told(self) -> int:
        """The highest total that can be one, of all that the chunks have told."""
        count = self.reply.count
        usages = [
            told_usage(self.reply.usage(sent), self.reply.switches, first=sent == 1, last=sent == count)
            for sent in range(1, count + 1)
        ]
        totals = [(usage or {}).get("totalTokenCount", 0) for usage in usages]
        if WireDeviation.USAGE_LATE in self.reply.switches:
            totals.append(self.reply.usage(count).total)
        return max(total if 0 <= total <= INT32_MAX else 0 for total in totals)


def check_charge(seen: QuotaTables, served: Served) -> None:
    """One charge between the highest total that was told and the estimate, and nothing left reserved."""
    assert (seen.reserved, seen.reservations, len(seen.ledger)) == (0, 0, 1)
    assert seen.used == seen.charged
    told, estimate = served.highest_told, served.estimate
    # A prompt that was told replaces its estimate, and can be the higher of the two.
    highest = estimate + max(0, served.reply.usage(0).prompt - served.prompt_estimate) if told else estimate
    assert max(told, 1) <= seen.charged <= max(told, highest)
    if not told:
        assert seen.charged == estimate


async def all_is_charged(database: Database, emulator: RunningEmulator, *, billed: int) -> None:
    """So many calls were billed, each is charged as Gemini counted it, and nothing stays reserved."""
    seen, ledger = await settled_tables(database), emulator.emulator.ledger
    assert (ledger.billed, len(seen.ledger), seen.reserved) == (billed, billed, 0)
    assert seen.used == seen.charged == ledger.total_tokens


async def stream_answer(learner: Learner) -> tuple[list[str], dict[str, Any]]:
    """The texts of a streamed answer, and the data of its last event, which must be `done`."""
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers=STREAM)
    assert response.status == 200, await response.text()
    *deltas, last = [event async for event in read_events(response)]
    assert last.name == "done", last.data
    return [delta.data["text"] for delta in deltas], last.data
