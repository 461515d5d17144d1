"""docs/feedback.md names every measure, and tells the weights and the curve of the scores as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic.alias_generators import to_camel

import cara
from cara.errors import CaraError
from cara.feedback.assessment.scores import WEIGHTS, clarity_measured, confidence_measured, mixed, pace_score
from cara.feedback.inspection import LearnerNotKnown, NothingSaid, TooShort, TranscriptUnreadable
from cara.speech.schemas import SpeechMeasures

TEXT = (Path(cara.__file__).parents[1] / "docs" / "feedback.md").read_text()
ASPECTS = ("pace", "clarity", "confidence", "tone", "relevance", "structure")
HALF_MEASURED = {"clarity", "confidence"}


def row(name: str) -> list[str]:
    """The cells behind the first one of the row of this name."""
    (found,) = re.findall(rf"(?m)^\| {re.escape(name)} \|(.*)\|$", TEXT)
    return [cell.strip() for cell in found.split("|")]


def test_every_measure_is_named() -> None:
    members = {to_camel(name) for name in SpeechMeasures.model_fields}
    assert members - set(re.findall(r"`(\w+)`", TEXT)) == set()


@pytest.mark.parametrize("feature_type", WEIGHTS)
def test_the_weights_are_those_of_the_scores(feature_type: str) -> None:
    weights = WEIGHTS[feature_type]
    measured = weights.get("pace", 0) + sum(weights[name] for name in HALF_MEASURED) / 2
    assert row(feature_type) == [*(str(weights.get(name, "–")) for name in ASPECTS), f"{measured:g} %"]


def test_the_curve_is_that_of_the_scores() -> None:
    marks = [100, 84, 50, 21, 6]
    assert row("part") == list(map(str, marks))
    beyond, fillers, words, repairs, hedges = (
        [float(cell) for cell in row(name)]
        for name in (
            "pace, words a minute outside the norm",
            "fillers in 100 words",
            "words a sentence",
            "repairs in 100 words",
            "hedges in 100 words, less half of up to 4 assertives",
        )
    )
    assert [pace_score(160 + each, "conversation") for each in beyond] == marks
    assert [round(clarity_measured(each, None, None) or 0) for each in fillers] == marks
    assert [round(clarity_measured(None, each, None) or 0) for each in words] == marks
    assert [round(clarity_measured(None, None, each) or 0) for each in repairs] == marks
    assert [round(confidence_measured(each, None) or 0) for each in hedges] == marks


def test_the_example_is_right() -> None:
    clarity = clarity_measured(5, 18, 1)
    assert (round(clarity or 0), mixed(clarity, 70)) == (94, 82)


@pytest.mark.parametrize("refusal", [NothingSaid, TooShort, LearnerNotKnown, TranscriptUnreadable])
def test_every_refusal_is_named(refusal: type[CaraError]) -> None:
    assert len(row(f"`{refusal.code}`")) == 1
