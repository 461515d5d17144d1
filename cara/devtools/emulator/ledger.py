"""What the emulator was asked and what it served, for tests and benchmarks to compare with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cara.devtools.emulator.tokens import TokenUsage


@dataclass
class AskedRequest:
    """One request as it came in, without its key; when it came, and when the first byte of the answer left,
    by the loop's clock, in seconds."""

    method: str
    model: str
    headers: dict[str, str]
    body: dict[str, Any]
    arrived_at: float
    answered_at: float | None = None


@dataclass
class Ledger:
    """Running totals. Tokens count as soon as the piece that states them was written to the client.

    `calls` are requests to generate, `refused` those answered with an error, `aborted` those whose client
    left before the end.
    """

    calls: int = 0
    streams: int = 0
    token_counts: int = 0
    finished: int = 0
    refused: int = 0
    aborted: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """All that is billed."""
        return self.prompt_tokens + self.output_tokens + self.thinking_tokens

    def enter(self) -> None:
        """A request came in."""
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def leave(self) -> None:
        """A request ended, however it did."""
        self.in_flight -= 1

    def charge(self, before: TokenUsage, now: TokenUsage) -> None:
        """A call whose bill stood at `before` stands at `now`."""
        self.prompt_tokens += now.prompt - before.prompt
        self.output_tokens += now.output - before.output
        self.thinking_tokens += now.thinking - before.thinking
        self.cached_tokens += now.cached - before.cached

    def as_json(self) -> dict[str, int]:
        return asdict(self) | {"total_tokens": self.total_tokens}
