"""What a learner can't do to raise a score: hesitate more, or speak faster or slower than people do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cara.feedback.assessment.assess import assess
from cara.feedback.assessment.judgement import Judgement
from cara.practice.feedback_schemas import Feedback
from cara.samples import SAMPLES
from cara.speech import measure_talk
from cara.speech.measures import PACE_NORMS
from cara.transcripts.talk import read_talk

SOUNDS = ("um", "uh", "er", "erm", "ah", "hmm", "Ummm,", "uh...")
MARKERS = (
    "like",
    "you know",
    "i mean",
    "basically",
    "actually",
    "literally",
    "sort of",
    "kind of",
    "well",
    "so",
    "right",
    "okay",
)
FILLERS = [*SOUNDS, *(f", {marker}," for marker in MARKERS)]
TALKS = [sample.transcript() for sample in SAMPLES]
JUDGED = Judgement.read(
    {
        "summary": "Fine.",
        **{
            aspect: {"score": 70, "feedback": "Fine."}
            for aspect in ("clarity", "pace", "tone", "confidence", "relevance", "structure")
        },
        "highlights": [],
        "actionItems": [],
    }
)


def judged(transcript: str, seconds: float = 60, feature_type: str = "conversation") -> Feedback:
    """The feedback if the model judges every talk alike: only what is measured tells them apart."""
    talk = read_talk(transcript)
    measures = measure_talk(talk, duration_seconds=seconds, feature_type=feature_type)
    return assess(talk, feature_type, measures, JUDGED, model="m", recent_mean_score=None)


def scores(feedback: Feedback) -> dict[str, float]:
    communication = feedback.breakdown.communication
    found = {
        "clarity": communication.clarity.score,
        "confidence": communication.confidence.score,
        "pace": communication.pace.score,
        "overall": feedback.overview.score,
    }
    return {name: score for name, score in found.items() if score is not None}


def with_fillers(transcript: str, added: list[tuple[int, str]]) -> str:
    """Says fillers between words of the learner: a number chooses the place, a comma first sets one off."""
    lines = transcript.split("\n")
    own = [index for index, line in enumerate(lines) if line and not line.startswith("Coach:")]
    for place, filler in added:
        line = own[place % len(own)]
        words = lines[line].split(" ")
        after = place // len(own) % len(words) + 1
        if filler.startswith(",") and words[after - 1][-1].isalnum():
            words[after - 1] += ","
        lines[line] = " ".join([*words[:after], filler.removeprefix(", "), *words[after:]])
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(
    some.sampled_from(TALKS),
    some.lists(some.tuples(some.integers(0, 10_000), some.sampled_from(FILLERS)), min_size=1, max_size=20),
)
def test_no_filler_anywhere_raises_a_score(transcript: str, added: list[tuple[int, str]]) -> None:
    """A word beside one may become a filler, too (`so um... we`): then a fast talk is slower by that word."""
    plain, filled = judged(transcript), judged(with_fillers(transcript, added))
    before, after = scores(plain), scores(filled)
    assert after.keys() == before.keys()
    compared = {"clarity", "confidence"}
    if filled.measures.fluent_words == plain.measures.fluent_words:
        compared |= {"pace", "overall"}
    assert all(after[name] <= before[name] for name in compared), (before, after)
    assert after["overall"] <= before["overall"] + 1


@settings(max_examples=100, deadline=None)
@given(
    some.sampled_from(TALKS),
    some.lists(some.tuples(some.integers(0, 10_000), some.sampled_from(MARKERS)), min_size=1, max_size=20),
)
def test_no_marker_without_commas_raises_clarity(transcript: str, added: list[tuple[int, str]]) -> None:
    """Also where nothing tells it from an ordinary word, which is fluent and may split a hedge."""
    before, after = scores(judged(transcript)), scores(judged(with_fillers(transcript, added)))
    assert after["clarity"] <= before["clarity"]


@pytest.mark.parametrize("filler", ["um", ", you know,", ", like,"])
def test_eighteen_more_fillers_lower_the_score(filler: str) -> None:
    talk = TALKS[0]
    before, after = (
        scores(judged(talk)),
        scores(judged(with_fillers(talk, [(number * 41, filler) for number in range(18)]))),
    )
    assert after["clarity"] < before["clarity"]
    assert after["overall"] < before["overall"]
    assert after["pace"] == before["pace"]


@settings(max_examples=150, deadline=None)
@given(
    some.sampled_from(TALKS),
    some.sampled_from(sorted(PACE_NORMS)),
    some.floats(5, 2_000),
    some.floats(5, 2_000),
)
def test_farther_from_the_norm_is_never_a_better_pace(
    transcript: str, feature_type: str, one: float, other: float
) -> None:
    near, far = (judged(transcript, seconds, feature_type) for seconds in sorted((one, other)))
    speeds = [found.measures.scorable_words_per_minute for found in (near, far)]
    norm = near.measures.pace_norm
    if norm is None or None in speeds:
        assert scores(near).get("pace") is None
        return
    distances = [max(norm.low - speed, speed - norm.high, 0) for speed in speeds if speed is not None]
    if distances[0] > distances[1]:
        near, far = far, near
    assert scores(near)["pace"] >= scores(far)["pace"]
    assert scores(near)["overall"] >= scores(far)["overall"]


def test_there_is_no_cliff_at_four_hundred_words_a_minute() -> None:
    talk = "We meet in the hall at noon. " * 57  # 399 words
    slower, faster = judged(talk, 60), judged(talk, 60 * 399 / 402)
    assert (slower.measures.words_per_minute_implausible, faster.measures.words_per_minute_implausible) == (
        False,
        True,
    )
    assert abs(slower.overview.score - faster.overview.score) < 1
    assert abs(scores(slower)["pace"] - scores(faster)["pace"]) < 1
