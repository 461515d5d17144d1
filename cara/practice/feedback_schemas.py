"""Feedback on a talk, as a job gives it and a session keeps it."""

from typing import Any, Literal

from cara.json_values import JsonText, Number
from cara.speech import SpeechMeasures
from cara.web.models import ResponseModel, example


class Aspect(ResponseModel):
    """One aspect of the talk: 0-100, or null where it cannot be known, and what to say about it."""

    score: float | None
    feedback: str


class Overview(ResponseModel):
    """The whole in one number, how it moved, and in words.

    `scoreChange` is the score minus the mean of the last five sessions of this feature that were practised
    before and have a score. Feedback on fewer than 50 fluent words neither has a change nor counts in that
    mean. Null, too, if there is no such session.
    """

    score: float
    score_change: float | None
    summary: str


class Communication(ResponseModel):
    """How it was said. `pace` has no score if it is unknown or has no norm: in writing, outside English."""

    clarity: Aspect
    pace: Aspect
    tone: Aspect
    confidence: Aspect


class Content(ResponseModel):
    """What was said."""

    relevance: Aspect
    structure: Aspect


class Breakdown(ResponseModel):
    """The scores behind the overview."""

    communication: Communication
    content: Content


class Highlight(ResponseModel):
    """A passage that stands in the transcript, at [start, end) in Unicode code points.

    The seconds are those of its first and its last word or, where the transcript has no times of words, of
    the captions or turns in which it stands; null where the transcript doesn't tell them.
    """

    quote: str
    start: int
    end: int
    start_seconds: Number | None
    end_seconds: Number | None
    type: Literal["strength", "improvement"]
    comment: str


class ActionItem(ResponseModel):
    """Something to practise next, why, and how."""

    title: str
    why: str
    exercise: str


class Feedback(ResponseModel):
    """Feedback on one transcript."""

    model_config = example(
        overview={
            "score": 71.5,
            "scoreChange": 4.2,
            "summary": "You say early what you want. Give a reason for it, too.",
        },
        breakdown={
            "communication": {
                "clarity": {"score": 78, "feedback": "Your request comes in the second sentence."},
                "pace": {"score": 93.4, "feedback": "100 words a minute: a little slow."},
                "tone": {"score": 70, "feedback": "Polite and matter-of-fact."},
                "confidence": {
                    "score": 64,
                    "feedback": "“I recommend” stands by what you say; the “um” before it does not.",
                },
            },
            "content": {
                "relevance": {"score": 80, "feedback": "All of it serves the request."},
                "structure": {"score": 62, "feedback": "The request needs a reason behind it."},
            },
        },
        highlights=[
            {
                "quote": "I recommend that we hire two people.",
                "start": 15,
                "end": 51,
                "startSeconds": 2.1,
                "endSeconds": 4.9,
                "type": "strength",
                "comment": "A clear request in one sentence.",
            }
        ],
        actionItems=[
            {
                "title": "Begin with a pause",
                "why": "Your first word is a filler.",
                "exercise": "Breathe out before you speak, five times, then say the first sentence.",
            }
        ],
        model="gemini-3.8-flash",
        promptVersion="feedback-6",
    )

    overview: Overview
    breakdown: Breakdown
    measures: SpeechMeasures
    highlights: list[Highlight]
    action_items: list[ActionItem]
    model: str
    prompt_version: str

    def session_changes(self) -> dict[str, Any]:
        """Returns the columns of the session that it completes."""
        communication = self.breakdown.communication
        return {
            "score": self.overview.score,
            "clarity": communication.clarity.score,
            "pace": communication.pace.score,
            "confidence": communication.confidence.score,
            "tone": communication.tone.score,
            **measures_over_time(self.measures),
            "fluent_words": self.measures.fluent_words,
            "feedback_json": JsonText(self.model_dump_json(by_alias=True).encode()),
            "completed": True,
        }


def measures_over_time(measures: SpeechMeasures) -> dict[str, float | None]:
    """Returns the columns of a session that lists and statistics show; None where it was not measured.

    An implausible pace is none: the duration may not be that of the transcript, and one such session would
    outweigh all others in a mean.
    """
    fillers, hedges = measures.fillers, measures.hedges
    pauses = measures.timing.pauses if measures.timing else None
    return {
        "words_per_minute": None if measures.words_per_minute_implausible else measures.words_per_minute,
        "fillers_per_100_words": fillers.per_hundred_words if fillers else None,
        "hedges_per_100_words": hedges.per_hundred_words if hedges else None,
        "pauses_per_minute": pauses.per_minute if pauses else None,
    }
