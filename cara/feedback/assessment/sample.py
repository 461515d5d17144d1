"""One real judgement of a sample talk: whether a model judges, and which schema it accepts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cara.feedback.assessment.judge import judge
from cara.feedback.assessment.prompt import feedback_call
from cara.gemini.client import GeminiClient
from cara.gemini.schemas import SchemaStep
from cara.samples import SAMPLES
from cara.speech import measure_talk
from cara.transcripts.talk import read_talk

SAMPLE = min(SAMPLES, key=lambda sample: sample.duration_seconds)


@dataclass(frozen=True)
class SampleJudgement:
    """What a model made of the sample: the form of the schema that it accepted, and what that cost."""

    schema: SchemaStep
    tokens: int


async def judge_sample(gemini: GeminiClient, thinking_level: str | None) -> SampleJudgement:
    """Has the shortest sample talk judged as a learner's would be. It costs tokens of the operator.

    Raises:
        GeminiError: there is no judgement that could be used.
    """
    talk = read_talk(SAMPLE.transcript())
    measures = await asyncio.to_thread(
        measure_talk, talk, duration_seconds=SAMPLE.duration_seconds, feature_type=SAMPLE.feature_type
    )
    call = feedback_call(SAMPLE.feature_type, talk, measures, [], thinking_level)
    judged = await judge(gemini, call)
    assert call.response_schema is not None
    return SampleJudgement(gemini.schema_accepted(call.response_schema) or "full", judged.tokens)
