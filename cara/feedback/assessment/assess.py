"""Combines measures and judgement into the feedback that the learner gets."""

from __future__ import annotations

from cara.feedback.assessment import prompts, scores
from cara.feedback.assessment.grounding import Passage, PassageTimes, SpokenText
from cara.feedback.assessment.judgement import JudgedHighlight, Judgement
from cara.observability.metrics import JUDGEMENTS_MENDED, QUOTES_DROPPED
from cara.practice.feedback_schemas import (
    ActionItem,
    Aspect,
    Breakdown,
    Communication,
    Content,
    Feedback,
    Highlight,
    Overview,
)
from cara.speech import MIN_COMPARED_WORDS, SpeechMeasures
from cara.transcripts.talk import Talk

MAX_HIGHLIGHTS = 8


def assess(
    talk: Talk,
    feature_type: str,
    measures: SpeechMeasures,
    judgement: Judgement,
    *,
    model: str,
    recent_mean_score: float | None,
) -> Feedback:
    """Returns the feedback: computed, mixed and judged scores, and highlights that quote the learner.

    An aspect without a judged score has no score; its weight is shared among the others. A talk of fewer than
    `MIN_COMPARED_WORDS` fluent words is not compared with earlier ones.
    """
    breakdown = _breakdown(feature_type, measures, judgement)
    score = scores.overall(_components(breakdown), feature_type)
    assert score is not None, "a judgement always has a score"
    if measures.fluent_words < MIN_COMPARED_WORDS:
        recent_mean_score = None
    change = None if recent_mean_score is None else round(score - recent_mean_score, 2)
    return Feedback(
        overview=Overview(score=score, score_change=change, summary=judgement.summary),
        breakdown=breakdown,
        measures=measures,
        highlights=grounded(talk, judgement.highlights),
        action_items=[ActionItem.model_validate(item) for item in judgement.action_items],
        model=model,
        prompt_version=prompts.VERSION,
    )


def grounded(talk: Talk, highlights: list[JudgedHighlight]) -> list[Highlight]:
    """Returns the highlights whose quotes stand in the learner's turns, with their offsets and times in the
    transcript.

    Each passage comes once. Of more than `MAX_HIGHLIGHTS`, the first ones are kept, both types among them.
    """
    text, times = SpokenText(talk), PassageTimes(talk)
    found: dict[Passage, Highlight] = {}
    for highlight in highlights:
        if place := text.find_sentence(highlight.quote):
            found.setdefault(place, _highlight(highlight, place, times))
        else:
            QUOTES_DROPPED.inc()
    if not found:
        JUDGEMENTS_MENDED.labels("no_true_quote").inc()
    return _first_of_both_types(list(found.values()))


def _highlight(judged: JudgedHighlight, place: Passage, times: PassageTimes) -> Highlight:
    start_seconds, end_seconds = times.find(place.start, place.end)
    return Highlight(
        quote=place.text,
        start=place.start,
        end=place.end,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        type=judged.type,
        comment=judged.comment,
    )


def _first_of_both_types(highlights: list[Highlight]) -> list[Highlight]:
    """Returns the first highlights.

    If they are all of one type, the last of them gives way to the first of the other.
    """
    if len(highlights) <= MAX_HIGHLIGHTS:
        return highlights
    JUDGEMENTS_MENDED.labels("highlights_dropped").inc()
    kept, later = highlights[:MAX_HIGHLIGHTS], highlights[MAX_HIGHLIGHTS:]
    types = {highlight.type for highlight in kept}
    missing = next((highlight for highlight in later if highlight.type not in types), None)
    return [*kept[:-1], missing] if missing else kept


def measured_halves(measures: SpeechMeasures) -> tuple[float | None, float | None]:
    """Returns the measured halves of clarity and of confidence."""
    rates = measures.scorable_rates
    return (
        scores.clarity_measured(rates.fillers, measures.mean_sentence_words, rates.repairs),
        scores.confidence_measured(rates.hedges, rates.assertives),
    )


def _breakdown(feature_type: str, measures: SpeechMeasures, judgement: Judgement) -> Breakdown:
    clarity, confidence = measured_halves(measures)
    pace = scores.pace_score(measures.scorable_words_per_minute, feature_type)
    return Breakdown(
        communication=Communication(
            clarity=_aspect(scores.mixed(clarity, judgement.clarity.score), judgement.clarity.feedback),
            pace=_aspect(pace, judgement.pace.feedback),
            tone=_aspect(judgement.tone.score, judgement.tone.feedback),
            confidence=_aspect(
                scores.mixed(confidence, judgement.confidence.score), judgement.confidence.feedback
            ),
        ),
        content=Content(
            relevance=_aspect(judgement.relevance.score, judgement.relevance.feedback),
            structure=_aspect(judgement.structure.score, judgement.structure.feedback),
        ),
    )


def _aspect(score: float | None, feedback: str) -> Aspect:
    return Aspect(score=score, feedback=feedback)


def _components(breakdown: Breakdown) -> dict[str, float | None]:
    parts = (*breakdown.communication, *breakdown.content)
    return {name: aspect.score for name, aspect in parts}
