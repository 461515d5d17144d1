"""What the times of a transcript tell: `measure_timing` calls the steps, and says what can't be known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from cara.speech.applicability import Restriction, speaking_seconds
from cara.speech.exchanges import (
    Stretch,
    are_exact,
    count_interruptions,
    exchanges,
    longest_monologue_seconds,
    response_latency,
    stretches,
    talk_share_by_time,
)
from cara.speech.languages import ENGLISH
from cara.speech.own_time import FluentPart
from cara.speech.pace_over_time import pace_over_time
from cara.speech.pauses import measure_pauses
from cara.speech.schemas import Timing
from cara.speech.words import Words
from cara.transcripts.talk import Talk
from cara.transcripts.utterances import BEGIN_ANEW_NOTE

_BEGIN_ANEW = Restriction(("timing",), BEGIN_ANEW_NOTE)
_WITHOUT_ENDS = Restriction(
    ("timing",),
    "The transcript doesn't say when all that the learner says begins and ends: speaking time, pauses and "
    "response latency are unknown.",
)
_WITHOUT_WORDS = Restriction(
    ("pauses", "articulationRate"),
    "The transcript doesn't say when each word begins and ends, or its times of words can't be right: pauses "
    "and articulation rate are unknown.",
)
_ONE_SIDED = Restriction(
    ("responseLatencySeconds", "longestMonologueSeconds", "interruptions", "talkShareByTime"),
    "The transcript doesn't say when all that the others say begins and ends: response latency and "
    "interruptions are unknown.",
)
_INEXACT = Restriction(
    ("responseLatencySeconds", "interruptions"),
    "The times of turns are not exact: response latency and interruptions are unknown.",
)


class Duration(NamedTuple):
    """How long a session takes in seconds, and who says so; None if nobody does."""

    seconds: float | None
    source: Literal["given", "transcript"] | None


def known_duration(talk: Talk, given_seconds: float | None) -> Duration:
    """Returns the duration that was given or, without one of at least 5 seconds, that of the transcript."""
    if speaking_seconds(given_seconds) is None:
        found = talk.transcript.known_seconds
        if speaking_seconds(found) is not None:
            return Duration(found, "transcript")
    return Duration(given_seconds, None if given_seconds is None else "given")


class MeasuredTiming(NamedTuple):
    """The timing, None where nothing is known, and why members are missing."""

    timing: Timing | None
    restrictions: list[Restriction]


def measure_timing(
    talk: Talk, words: Words, parts: Sequence[FluentPart], *, spoken: bool, language: str
) -> MeasuredTiming:
    """Measures what the times of the transcript tell of the learner; times that make no sense tell nothing.

    Writing and a transcript without times have no timing, and need no note for it.
    """
    has_times = any(utterance.start is not None for turn in talk.own for utterance in turn.utterances)
    if not (spoken and has_times):
        return MeasuredTiming(None, [])
    if talk.transcript.times_begin_anew:
        return MeasuredTiming(None, [_BEGIN_ANEW])
    seconds, found = talk.own_seconds, stretches(talk, language)
    others = [stretch for stretch in found or [] if not stretch.own]
    measured = measure_pauses(talk, words, others, english=language == ENGLISH)
    pauses, articulation_rate = measured or (None, None)
    if seconds is None and pauses is None:
        return MeasuredTiming(None, [_WITHOUT_ENDS])
    in_dialogue = found if talk.is_dialogue and found else []
    replies = exchanges(in_dialogue)
    is_exact = are_exact(talk, in_dialogue)
    timing = Timing(
        speaking_seconds=seconds,
        pauses=pauses,
        articulation_rate=articulation_rate,
        pace_over_time=pace_over_time(talk, parts),
        response_latency_seconds=response_latency(replies) if is_exact else None,
        longest_monologue_seconds=longest_monologue_seconds(found or []),
        interruptions=count_interruptions(replies) if in_dialogue and is_exact else None,
        talk_share_by_time=talk_share_by_time(talk),
    )
    return MeasuredTiming(timing, _restrictions(timing, in_dialogue, is_dialogue=talk.is_dialogue))


def _restrictions(timing: Timing, in_dialogue: list[Stretch], *, is_dialogue: bool) -> list[Restriction]:
    reasons = {
        _WITHOUT_WORDS: timing.pauses is None,
        _ONE_SIDED: is_dialogue and not in_dialogue,
        _INEXACT: bool(in_dialogue) and timing.interruptions is None,
    }
    return [restriction for restriction, applies in reasons.items() if applies]
