"""One attempt at a job, as the worker that makes it knows it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cara.errors import CaraError
from cara.feedback.assessment.prompt import MAX_OUTPUT_TOKENS
from cara.feedback.events.publish import Publisher
from cara.feedback.work.costs import ledger_id_of
from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.errors import GeminiBadAnswer
from cara.postgres.database import Record
from cara.quota.quota import Charge


@dataclass
class Attempt:
    """One claim of a job by this worker, and what it has cost so far by Gemini's own count; it is `paid` for
    once Gemini has begun to answer.

    It has `ended` once that is known to be written. It is `cut_off` while nobody knows whether it is: the
    commit of an ending was sent, and never acknowledged.
    """

    job: Record
    publisher: Publisher
    model: str
    usage: GeminiUsage = NOTHING_USED
    paid: bool = False
    ended: bool = False
    cut_off: bool = False

    @property
    def output_tokens(self) -> int:
        """The room for the judgement that this attempt asks for."""
        return self.job["output_tokens"] or MAX_OUTPUT_TOKENS

    def answers_after(self, error: CaraError) -> int:
        """How many judgements of the job were paid for, once this attempt has ended in the error."""
        paid = self.paid or self.usage.total_tokens > 0 or isinstance(error, GeminiBadAnswer)
        return int(self.job["answers"]) + paid

    @property
    def name(self) -> str:
        """What the log calls it."""
        return f"job {self.job['id']}: attempt {self.job['attempts']}"

    @property
    def key(self) -> tuple[UUID, UUID, int]:
        """What a guarded statement names the attempt by: user, job, and number of the attempt."""
        return self.job["user_id"], self.job["id"], self.job["attempts"]

    @property
    def ledger_id(self) -> UUID:
        """What its charge stands under in the ledger, however it ends: so it is charged once."""
        return ledger_id_of(self.job["id"], self.job["attempts"])

    def charge(self) -> Charge | None:
        """What goes into the ledger; nothing when Gemini counted nothing."""
        return Charge.of(self.model, self.usage)
