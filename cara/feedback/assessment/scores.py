"""The scores: how measure and judgement become numbers from 0 to 100.

Everything here takes plain numbers and no text, so that nothing said in a transcript can talk to a score but
through what is counted. Every measured part falls along one curve: 100 up to its norm, then
100 · 2^−(d ÷ h)², where d is the distance from the norm and h the distance at which 50 is left. The curve is
smooth where it leaves the norm, so that a word more or less never costs a jump.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cara.speech.measures import pace_norm

# Percent of the overall score; those of each feature type add up to 100. Writing has no pace.
WEIGHTS: dict[str, dict[str, int]] = {
    "conversation": {
        "pace": 10,  # partners adapt to one another's speed, so it seldom decides a conversation
        "clarity": 20,  # the other side has to understand at first hearing
        "confidence": 20,  # who hedges each claim is taken at less than they ask for
        "tone": 20,  # a conversation is a relation: tone keeps it open
        "relevance": 20,  # an answer has to answer what was asked
        "structure": 10,  # turns are short and carry little structure
    },
    "writing": {
        "clarity": 30,  # a reader can't ask back
        "confidence": 10,  # caution is often right on paper
        "tone": 15,  # there is no voice to soften a word
        "relevance": 20,  # readers leave a text that isn't for them
        "structure": 25,  # order is how a reader finds their way
    },
    "accent": {
        "pace": 20,  # sounds need time to be heard, and haste swallows them
        "clarity": 40,  # being understood is what is practised
        "confidence": 15,  # hesitation hides what is already well said
        "tone": 10,  # melody is practised too, and a transcript shows little of it
        "relevance": 10,  # the text is often given
        "structure": 5,  # the text is often given, and its order with it
    },
    "listening": {
        "pace": 5,  # how fast one answers says little of what was heard
        "clarity": 15,  # what was understood has to be said so that it can be checked
        "confidence": 10,  # asking back is good listening, so doubt costs little
        "tone": 10,  # a listener's tone invites the other to go on
        "relevance": 45,  # an answer that fits is the proof of having listened
        "structure": 15,  # main points told apart from detail show understanding
    },
    "video": {
        "pace": 15,  # an audience can't slow the speaker down
        "clarity": 20,  # an audience hears everything once
        "confidence": 20,  # a presenter has to stand by the message
        "tone": 15,  # tone keeps people watching
        "relevance": 10,  # the speaker chose the topic, so it seldom misses
        "structure": 20,  # a talk of some minutes is lost without a thread
    },
}

# 40 words a minute above the norm of conversation is 200, where comfortable comprehension ends.
_PACE_HALVED_AFTER = 40.0

# Good prepared talk has under 2 fillers in 100 words; 8 is more than all disfluencies of ordinary talk.
_FILLER_NORM, _FILLERS_HALVED_AFTER = 2.0, 6.0
# 20 words a sentence still read easily aloud, 35 lose listeners.
_SENTENCE_NORM, _SENTENCE_HALVED_AFTER = 20.0, 15.0
# Ordinary talk has about 3 repetitions and restarts in 100 words and is followed well.
_REPAIR_NORM, _REPAIRS_HALVED_AFTER = 1.0, 5.0
# Advice on hedges is due above 4 in 100; at 10 every second sentence takes itself back.
_HEDGE_NORM, _HEDGES_HALVED_AFTER = 4.0, 6.0

# Listeners notice fillers first, then sentences they can't hold, then repairs, which they mostly overlook.
_CLARITY_PARTS = {"fillers": 0.4, "sentences": 0.35, "repairs": 0.25}
# An assertive outweighs half a hedge; no more than 4 in 100 are credited: insisting is another thing.
_HEDGES_FOR_AN_ASSERTIVE, _ASSERTIVES_CREDITED = 0.5, 4.0
_MEASURED_SHARE = 0.5


def pace_score(words_per_minute: float | None, feature_type: str) -> int | None:
    """Returns 100 inside the norm of the feature type, 50 at 40 words a minute outside it (curve above).

    Nothing without a speed and for writing. ValueError for an unknown feature type.
    """
    norm = pace_norm(feature_type)
    if norm is None or words_per_minute is None:
        return None
    distance = max(norm.low - words_per_minute, words_per_minute - norm.high)
    return round(_falling(distance, 0.0, _PACE_HALVED_AFTER))


def clarity_measured(
    fillers_per_hundred_words: float | None,
    mean_sentence_words: float | None,
    repairs_per_hundred_words: float | None,
) -> float | None:
    """Returns the measured half of clarity: fillers (40 %), sentence length (35 %) and repairs (25 %).

    Each is 100 up to its norm (2 in 100, 20 words, 1 in 100) and 50 at 8, 35 and 6. What wasn't measured
    leaves its share to the others; without any there is no measured half.
    """
    parts = {
        "fillers": _part(fillers_per_hundred_words, _FILLER_NORM, _FILLERS_HALVED_AFTER),
        "sentences": _part(mean_sentence_words, _SENTENCE_NORM, _SENTENCE_HALVED_AFTER),
        "repairs": _part(repairs_per_hundred_words, _REPAIR_NORM, _REPAIRS_HALVED_AFTER),
    }
    return _weighted_mean(parts, _CLARITY_PARTS)


def confidence_measured(
    hedges_per_hundred_words: float | None, assertives_per_hundred_words: float | None
) -> float | None:
    """Returns the measured half of confidence: 100 up to 4 hedges in 100 words, 50 at 10.

    Assertives count only together with hedges: each outweighs half a hedge, up to 4 in 100 words. Nothing
    where hedges weren't measured.
    """
    if hedges_per_hundred_words is None:
        return None
    credited = min(assertives_per_hundred_words or 0.0, _ASSERTIVES_CREDITED) * _HEDGES_FOR_AN_ASSERTIVE
    return _part(max(0.0, hedges_per_hundred_words - credited), _HEDGE_NORM, _HEDGES_HALVED_AFTER)


def mixed(measured: float | None, judged: float | None) -> int | None:
    """Returns the mean of measure and judgement.

    It is the judgement alone where nothing was measured, and None without a judgement.
    """
    if judged is None:
        return None
    if measured is None:
        return round(judged)
    return round(_MEASURED_SHARE * measured + (1 - _MEASURED_SHARE) * judged)


def overall(scores: Mapping[str, float | None], feature_type: str) -> int | None:
    """Returns the mean of the components, weighted by the feature type (`WEIGHTS`).

    A component that is null or missing leaves its weight to the others, in proportion; pace never counts in
    writing. Nothing when no component has a score.
    """
    mean = _weighted_mean(scores, WEIGHTS[feature_type])
    return None if mean is None else round(mean)


def _falling(value: float, norm: float, halved_after: float) -> float:
    distance = max(0.0, value - norm)
    return 100.0 * math.pow(2.0, -((distance / halved_after) ** 2))


def _part(value: float | None, norm: float, halved_after: float) -> float | None:
    return None if value is None else _falling(value, norm, halved_after)


def _weighted_mean(values: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    known = {name: value for name, value in values.items() if value is not None and name in weights}
    in_all = sum(weights[name] for name in known)
    if not in_all:
        return None
    return min(100.0, sum(weights[name] * value for name, value in known.items()) / in_all)
