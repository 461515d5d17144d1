"""How fast the learner speaks, and what is usual for the kind of talk."""

from __future__ import annotations

from cara.speech.schemas import PaceNorm

SHORTEST_SECONDS = 5
SLOWEST_PLAUSIBLE = 20
FASTEST_PLAUSIBLE = 400

_CONVERSATION = PaceNorm(low=120, high=160)
_PRESENTATION = PaceNorm(low=100, high=150)
# One norm for each feature type; writing has none, since nothing is spoken.
PACE_NORMS: dict[str, PaceNorm | None] = {
    "conversation": _CONVERSATION,
    "listening": _CONVERSATION,  # the learner answers what was heard, as in a conversation
    "accent": _PRESENTATION,  # careful speech, each sound meant
    "video": _PRESENTATION,
    "writing": None,
}


def pace_norm(feature_type: str) -> PaceNorm | None:
    """The usual words a minute for the feature type; none for writing. ValueError for an unknown type.

    Norm: conversation 120 to 160, presentation 100 to 150; comfortable comprehension ends near 180 to 200.
    Source: Tauroza & Allison 1990, Applied Linguistics 11; Yuan, Liberman & Cieri 2006, Interspeech.
    """
    if feature_type not in PACE_NORMS:
        raise ValueError(f"unknown feature type: {feature_type}")
    return PACE_NORMS[feature_type]


def words_per_minute(words: int, seconds: int | None) -> float | None:
    """The learner's words (fillers too) ÷ minutes, to one decimal; nothing without words or under 5 seconds.

    The minutes are the whole session's, with the turns of others and all silences: pauses can't be known from
    a transcript.
    """
    if not words or seconds is None or seconds < SHORTEST_SECONDS:
        return None
    return round(60 * words / seconds, 1)


def speaking_words_per_minute(
    words: int, seconds: int | None, others_words: int, norm: PaceNorm | None
) -> float | None:
    """How fast the learner speaks while speaking: the figure that is compared with the norm.

    In a talk alone it is the words a minute. In a labelled conversation those are too few, since the minutes
    hold the others' turns as well: good partners who share the time would both seem slow. The learner's part
    of the time isn't known; it is taken to be their share of the words, which comes to the words of all ÷
    minutes. But others' words never make the learner seem hasty: they lift the speed to the norm's upper end
    at the most, and above it only the learner's own words a minute count.
    """
    own = words_per_minute(words, seconds)
    together = words_per_minute(words + others_words, seconds)
    if own is None or together is None or norm is None:
        return own
    return max(own, min(together, float(norm.high)))


def is_implausible(words_per_minute: float | None) -> bool:
    """Over 400 or under 20 words of the learner's a minute: nothing that a speed can be told from.

    Duration and transcript don't belong together, or the learner said too little.
    """
    return words_per_minute is not None and not SLOWEST_PLAUSIBLE <= words_per_minute <= FASTEST_PLAUSIBLE
