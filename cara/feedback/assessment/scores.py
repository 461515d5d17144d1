"""The scores: how measure and judgement become numbers from 0 to 100.

Everything here takes plain numbers and no text, so that nothing said in a transcript can talk to a score but
through what is counted. Every measured part falls along one curve: 100 up to its norm, then
100 · 2^−(d ÷ h)², where d is the distance from the norm and h the distance at which 50 is left. The curve is
smooth where it leaves the norm, so that a word more or less never costs a jump.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cara.feedback.assessment.weights import WEIGHTS
from cara.speech.measures import is_implausible, pace_norm

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
    """100 inside the norm of the feature type, 50 at 40 words a minute outside it, on the curve above.

    Nothing without a speed, for an implausible one (under 20, over 400) and for writing. ValueError for an
    unknown feature type.
    """
    norm = pace_norm(feature_type)
    if norm is None or words_per_minute is None or is_implausible(words_per_minute):
        return None
    distance = max(norm.low - words_per_minute, words_per_minute - norm.high)
    return round(_falling(distance, 0.0, _PACE_HALVED_AFTER))


def clarity_measured(
    fillers_per_hundred_words: float | None,
    mean_sentence_words: float | None,
    repairs_per_hundred_words: float | None,
) -> float | None:
    """The measured half of clarity: fillers (40 %), sentence length (35 %) and repairs (25 %).

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
    """The measured half of confidence: 100 up to 4 hedges in 100 words, 50 at 10.

    Assertives count only together with hedges: each outweighs half a hedge, up to 4 in 100 words. Nothing
    where hedges weren't measured.
    """
    if hedges_per_hundred_words is None:
        return None
    credited = min(assertives_per_hundred_words or 0.0, _ASSERTIVES_CREDITED) * _HEDGES_FOR_AN_ASSERTIVE
    return _part(max(0.0, hedges_per_hundred_words - credited), _HEDGE_NORM, _HEDGES_HALVED_AFTER)


def mixed(measured: float | None, judged: float | None) -> int | None:
    """Half measured, half judged; the judgement alone where nothing was measured, nothing without one."""
    if judged is None:
        return None
    if measured is None:
        return round(judged)
    return round(_MEASURED_SHARE * measured + (1 - _MEASURED_SHARE) * judged)


def overall(scores: Mapping[str, float | None], feature_type: str) -> int | None:
    """The mean of the components, weighted by the feature type (`weights.py`).

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
