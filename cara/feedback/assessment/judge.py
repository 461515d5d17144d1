"""One judgement of one talk, at once: for those who have no job, no learner and no quota."""

from __future__ import annotations

from dataclasses import dataclass

from cara.feedback.assessment.judgement import Judgement, NoUsableScore
from cara.gemini.client import GeminiCall, GeminiClient
from cara.gemini.errors import GeminiBadAnswer


@dataclass(frozen=True)
class Judged:
    """A judgement, the name that the model gives itself, and what it cost."""

    judgement: Judgement
    model: str
    tokens: int


async def judge(gemini: GeminiClient, call: GeminiCall) -> Judged:
    """Makes the call, retried as the client does, and reads its judgement. It costs tokens of the operator.

    Raises:
        GeminiError: there is no judgement that could be used.
    """
    async with gemini.stream(call) as stream:
        async for _ in stream:
            pass
    try:
        judgement = Judgement.read(stream.answer.data)
    except NoUsableScore:
        raise GeminiBadAnswer("no_score", usage=stream.spent) from None
    return Judged(judgement, stream.answer.model, stream.spent.total_tokens)
