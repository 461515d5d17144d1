"""The duration, the learner's own time, and the pace in it."""

from __future__ import annotations

import json

import pytest

from cara.feedback.assessment.scores import pace_score
from cara.speech import SpeechMeasures, measure
from cara.speech.schemas import PaceOverTime


def measured(said: list[dict[str, object]], seconds: float | None = None) -> SpeechMeasures:
    text = json.dumps([{"speaker": "You", **one} for one in said])
    return measure(text, duration_seconds=seconds, feature_type="conversation")


def over_time(measures: SpeechMeasures) -> PaceOverTime | None:
    return None if measures.timing is None else measures.timing.pace_over_time


TALK: list[dict[str, object]] = [
    {"start": 2, "end": 12, "text": "We go. " * 10},
    {"speaker": "Coach", "start": 12, "end": 31, "text": "Yes. " * 19},
    {"start": 31, "end": 41, "text": "We go. " * 10},
]


@pytest.mark.parametrize(
    ("given", "seconds", "source"), [(None, 39, "transcript"), (4, 39, "transcript"), (60, 60, "given")]
)
def test_a_duration_that_was_given_wins_if_it_is_one(
    given: float | None, seconds: float, source: str
) -> None:
    measures = measured(TALK, given)
    assert (measures.duration_seconds, measures.duration_source) == (seconds, source)
    # 40 words in the learner's own 20 seconds, whatever lasts longer
    assert measures.words_per_minute == measures.speaking_words_per_minute == 120


def test_a_short_duration_stays_where_the_transcript_has_none() -> None:
    measures = measured([{"text": "We go."}], 4)
    assert (measures.duration_seconds, measures.duration_source) == (4, "given")
    assert (measured([{"text": "We go."}]).duration_source, measures.words_per_minute) == (None, None)


def test_times_of_a_part_are_no_own_time() -> None:
    measures = measured([*TALK, {"text": "We go on. " * 10}], 60)
    assert measures.words_per_minute == 70
    assert measures.timing is None or measures.timing.speaking_seconds is None


def test_the_others_words_and_time_do_not_move_the_learners_pace() -> None:
    longer = [TALK[0], {**TALK[1], "end": 300, "text": "Yes. " * 400}, {**TALK[2], "start": 300, "end": 310}]
    assert measured(longer, 900).speaking_words_per_minute == 120


@pytest.mark.parametrize("cuts", [1, 2, 5])
def test_cues_that_are_wrapped_anew_leave_the_pace(cuts: int) -> None:
    cues: list[dict[str, object]] = [
        {"start": 20 * cut / cuts, "end": 20 * (cut + 1) / cuts, "text": "We go. " * (10 // cuts)}
        for cut in range(cuts)
    ]
    assert measured(cues).words_per_minute == 60


@pytest.mark.parametrize("factors", [(1, 1.1, 1.5, 3, 9), (0.75, 0.6, 0.4, 0.1)])
def test_slower_or_faster_than_the_norm_never_raises_the_score_of_the_pace(
    factors: tuple[float, ...],
) -> None:
    def score(step: float) -> int:
        said = [{**one, "start": step * n, "end": step * (n + 1)} for n, one in enumerate(TALK)]
        return pace_score(measured(said).scorable_words_per_minute, "conversation") or 0

    scores = [score(9.5 * factor) for factor in factors]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


@pytest.mark.parametrize("filler", ["Um.", "Uh, um…", "You know,", "[laughs] Um."])
def test_time_in_which_only_fillers_are_said_makes_no_talk_slower(filler: str) -> None:
    plain = [
        {"start": 5 * n, "end": 5 * n + 3, "text": f"We sold {n + 20} big houses on the coast."}
        for n in range(20)
    ]
    gaps = [{"start": 5 * n + 3, "end": 5 * n + 5, "text": filler} for n in range(20)]
    filled = sorted(plain + gaps, key=lambda one: int(str(one["start"])))
    without, after, between = (
        measured(plain),
        measured([*plain, {"start": 98, "end": 130, "text": filler}]),
        measured(filled),
    )
    assert without.words_per_minute == after.words_per_minute == between.words_per_minute == 160
    assert over_time(without) == over_time(after) == over_time(between)
    assert over_time(between) is not None
    assert between.fillers is not None
    assert between.fillers.count >= 20


def test_an_utterance_of_fillers_makes_no_time_known_or_unknown() -> None:
    short = {"start": 0, "end": 4.9, "text": "We sold seven houses on the coast."}
    assert measured([short, {"start": 5, "end": 9, "text": "Um."}]).words_per_minute is None
    long = {**short, "end": 6}
    assert measured([long, {"text": "Um."}]).words_per_minute == measured([long]).words_per_minute == 70
    untimed = {"text": "We sold seven houses on the coast."}
    assert measured([untimed, {"start": 0, "end": 90, "text": "Um."}], 14).words_per_minute == 30


def test_a_phrase_said_in_vain_takes_the_time_of_its_own_utterance() -> None:
    said = [
        {"start": 0, "end": 30, "text": "We want to, um, we want to"},
        {"start": 40, "end": 50, "text": "we want to sell it all."},
    ]
    found = measured(said)
    assert (found.words_per_minute, found.fluent_words) == (36, 6)


def test_the_pace_in_windows_matches_the_count_by_hand() -> None:
    measures = measured(
        [
            {"start": 0, "end": 30, "text": "We sold it, um. " * 20},  # 60 fluent words
            {"speaker": "Coach", "start": 30, "end": 90, "text": "I see."},
            {"start": 90, "end": 120, "text": "We sold it. " * 10},  # 30
            {"start": 130, "end": 150, "text": "We sold it. " * 20},  # 60 in 20 seconds
            {"start": 150, "end": 152, "text": "Done."},
        ]
    )
    # 120, 60 and 61 words in 22 seconds: the mean is 115.5, the standard deviation 43.5.
    assert over_time(measures) == PaceOverTime(
        window_seconds=30, words_per_minute=[120, 60, 166.4], variation=0.377
    )


def test_words_with_times_fall_into_the_window_in_which_they_are_said() -> None:
    words = [{"word": f"word{number}", "start": number, "end": number + 0.5} for number in range(12)]
    words += [{"word": f"late{number}", "start": 40 + number, "end": 40.5 + number} for number in range(20)]
    said = " ".join(str(word["word"]) for word in words)
    found = over_time(measured([{"start": 0, "end": 60, "text": said, "words": words}]))
    assert found is not None
    assert found.words_per_minute == [24, 40]


@pytest.mark.parametrize("end", [44.9, 86_440.5])
def test_a_talk_of_one_window_or_of_more_than_a_day_has_no_pace_over_time(end: float) -> None:
    assert over_time(measured([{"start": 0, "end": end, "text": "We go on and on. " * 10}])) is None
