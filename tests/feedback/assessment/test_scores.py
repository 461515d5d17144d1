"""How measure and judgement become scores."""

from __future__ import annotations

import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cara.feedback.assessment import scores
from cara.feedback.assessment.scores import (
    WEIGHTS,
    clarity_measured,
    confidence_measured,
    mixed,
    overall,
    pace_score,
)
from cara.speech.measures import PACE_NORMS

_FEATURES = ("conversation", "writing", "accent", "listening", "video")
_SPOKEN = tuple(feature for feature in _FEATURES if feature != "writing")
_COMPONENTS = ("pace", "clarity", "confidence", "tone", "relevance", "structure")
_score = some.floats(0, 100)
_rate = some.floats(0, 100)


@pytest.mark.parametrize(
    ("words_per_minute", "feature_type", "score"),
    [
        (120, "conversation", 100),
        (160, "conversation", 100),
        (200, "conversation", 50),  # 40 above: half
        (80, "conversation", 50),  # 40 below: half
        (180, "conversation", 84),  # 100 · 2^-(20/40)² = 100 · 2^-0.25
        (240, "conversation", 6),  # 100 · 2^-4
        (100, "video", 100),
        (160, "video", 96),  # 100 · 2^-(10/40)²
    ],
)
def test_pace_is_full_inside_the_norm_and_falls_smoothly_outside(
    words_per_minute: float, feature_type: str, score: int
):
    assert pace_score(words_per_minute, feature_type) == score


def test_pace_has_no_score_without_a_speed_and_none_left_at_an_impossible_one():
    assert pace_score(None, "conversation") is None
    assert pace_score(math.inf, "conversation") == 0


def test_writing_has_no_pace_and_an_unknown_feature_is_refused():
    assert pace_score(130, "writing") is None
    with pytest.raises(ValueError, match="unknown feature type"):
        pace_score(130, "juggling")


@given(some.floats(150, 220), some.floats(150, 220), some.sampled_from(_SPOKEN))
def test_speeding_a_talk_from_150_to_220_never_raises_its_pace(one: float, other: float, feature_type: str):
    slower = pace_score(min(one, other), feature_type)
    faster = pace_score(max(one, other), feature_type)
    assert slower is not None
    assert faster is not None
    assert faster <= slower


@given(some.integers(0, 1_000), some.sampled_from(_SPOKEN))
def test_one_word_a_minute_more_never_makes_the_score_jump(words_per_minute: int, feature_type: str):
    here, there = (pace_score(speed, feature_type) for speed in (words_per_minute, words_per_minute + 1))
    assert here is not None
    assert there is not None
    assert abs(here - there) <= 3


def test_clarity_is_full_up_to_the_norms_and_half_where_listeners_are_lost():
    assert clarity_measured(2, 20, 1) == 100
    assert clarity_measured(8, 35, 6) == pytest.approx(50)
    # Fillers alone at half: 0.4 · 50 + 0.35 · 100 + 0.25 · 100
    assert clarity_measured(8, 10, 0) == pytest.approx(80)


def test_the_share_of_a_missing_measure_goes_to_the_others():
    assert clarity_measured(8, None, None) == pytest.approx(50)
    # Fillers 50 by 0.4, repairs 100 by 0.25
    assert clarity_measured(8, None, 0) == pytest.approx((50 * 0.4 + 100 * 0.25) / 0.65)
    assert clarity_measured(None, None, None) is None


@given(_rate, _rate, _rate, some.floats(0, 50))
def test_more_fillers_longer_sentences_or_more_repairs_never_raise_clarity(
    fillers: float, words: float, repairs: float, more: float
):
    here = clarity_measured(fillers, words, repairs)
    assert here is not None
    for worse in (
        (fillers + more, words, repairs),
        (fillers, words + more, repairs),
        (fillers, words, repairs + more),
    ):
        there = clarity_measured(*worse)
        assert there is not None
        assert 0 <= there <= here <= 100


def test_confidence_is_full_up_to_four_hedges_and_assertives_outweigh_some():
    assert confidence_measured(4, 0) == 100
    assert confidence_measured(10, 0) == pytest.approx(50)
    assert confidence_measured(12, 4) == pytest.approx(50)  # four assertives outweigh two hedges
    assert confidence_measured(12, 40) == pytest.approx(50)  # and more are not credited
    assert confidence_measured(0, 0) == 100
    assert confidence_measured(10, None) == pytest.approx(50)
    assert confidence_measured(None, 3) is None


@given(_rate, _rate, some.floats(0, 20))
def test_hedges_never_raise_confidence_and_assertives_never_lower_it(
    hedges: float, assertives: float, more: float
):
    here = confidence_measured(hedges, assertives)
    hedged = confidence_measured(hedges + more, assertives)
    asserted = confidence_measured(hedges, assertives + more)
    assert here is not None
    assert hedged is not None
    assert asserted is not None
    assert 0 <= hedged <= here <= asserted <= 100


def test_a_mixed_score_is_half_measured_half_judged():
    assert mixed(100, 50) == 75
    assert mixed(None, 51) == 51


@given(_score, _score)
def test_a_judgement_moves_a_mixed_score_by_no_more_than_half(measured: float, judged: float):
    assert abs(mixed(measured, judged) - mixed(measured, 0)) <= 51  # half of 100, and rounding
    assert 0 <= mixed(measured, judged) <= 100


def test_the_overall_score_is_the_weighted_mean():
    given_scores = {
        "pace": 50,
        "clarity": 60,
        "confidence": 70,
        "tone": 80,
        "relevance": 90,
        "structure": 100,
    }
    # 0.1 · 50 + 0.2 · (60 + 70 + 80 + 90) + 0.1 · 100
    assert overall(given_scores, "conversation") == 75


@pytest.mark.parametrize(
    ("feature_type", "score"),
    [
        ("conversation", 53),  # 0.1 · 10 + 0.2 · (20 + 40 + 60 + 90) + 0.1 · 100
        ("writing", 62),  # 0.3 · 20 + 0.1 · 40 + 0.15 · 60 + 0.2 · 90 + 0.25 · 100
        ("accent", 36),  # 0.2 · 10 + 0.4 · 20 + 0.15 · 40 + 0.1 · (60 + 90) + 0.05 · 100
        ("listening", 69),  # 0.05 · 10 + 0.15 · 20 + 0.1 · (40 + 60) + 0.45 · 90 + 0.15 · 100
        ("video", 52),  # 0.15 · 10 + 0.2 · (20 + 40) + 0.15 · 60 + 0.1 · 90 + 0.2 · 100 = 51.5
    ],
)
def test_each_feature_weighs_the_components_in_its_own_way(feature_type: str, score: int):
    components = dict(zip(_COMPONENTS, (10, 20, 40, 60, 90, 100), strict=True))
    assert overall(components, feature_type) == score


def test_the_weight_of_a_null_component_goes_to_the_others():
    assert overall({"pace": None, "clarity": 80, "tone": 80}, "video") == 80
    # 20 · 100 and 15 · 30 of 35
    assert overall({"clarity": 100, "tone": 30}, "video") == 70
    assert overall(dict.fromkeys(_COMPONENTS), "video") is None


def test_pace_never_counts_in_writing():
    assert overall({"pace": 0, "clarity": 80}, "writing") == 80
    assert overall({"pace": 0}, "writing") is None


@given(some.dictionaries(some.sampled_from(_COMPONENTS), _score, min_size=1), some.sampled_from(_SPOKEN))
def test_the_overall_score_lies_between_its_components(components: dict[str, float], feature_type: str):
    score = overall(components, feature_type)
    assert score is not None
    assert round(min(components.values())) <= score <= round(max(components.values()))


def test_every_feature_has_weights_that_add_up():
    assert set(WEIGHTS) == set(PACE_NORMS) == set(_FEATURES)
    for feature_type, weights in WEIGHTS.items():
        assert sum(weights.values()) == 100
        assert set(weights) == set(_COMPONENTS) - ({"pace"} if feature_type == "writing" else set())
        assert all(percent > 0 for percent in weights.values())


def test_no_score_takes_text_that_could_influence_it():
    numbers = {"float", "float | None", "Mapping[str, float | None]"}
    for function in (pace_score, clarity_measured, confidence_measured, mixed, overall):
        kinds = inspect.get_annotations(function)
        assert {kinds[name] for name in kinds.keys() - {"feature_type", "return"}} <= numbers
    assert "re" not in vars(scores)
