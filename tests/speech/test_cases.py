"""Small talks with the values that a careful reader counts in them: `cases.json`, each with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cara.speech import SpeechMeasures, measure

CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))


def _counted(measures: SpeechMeasures, name: str) -> Any:
    found = measures.model_dump(by_alias=True)[name]
    if name == "fillers":
        return found["byWord"]
    return found["count"] if name in ("hedges", "assertives") else found


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_measures_are_what_a_careful_reader_counts(case: dict[str, Any]) -> None:
    measures = measure(case["text"], duration_seconds=None, feature_type="conversation")
    for name, value in case["expect"].items():
        if name.endswith("_at_least"):
            assert _counted(measures, name.removesuffix("_at_least")) >= value, name
        else:
            assert _counted(measures, name) == value, name
