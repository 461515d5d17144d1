"""Hedges and assertives."""

from __future__ import annotations

import pytest

from cara.speech import SpeechMeasures, measure


def _measured(text: str) -> SpeechMeasures:
    return measure(text, duration_seconds=60, feature_type="video")


@pytest.mark.parametrize(
    ("text", "hedges"),
    [
        ("I think we could be late.", {"i think": 1, "could be": 1}),
        ("I um think so. I think of home.", {"i think": 1}),
        ("A little bit more, a little less.", {"a little bit": 1, "a little": 1}),
        ("I feel like we lost. I feel like a winner.", {"i feel like": 1}),
        ("It is kind of late. A kind of tree.", {"kind of": 1}),
        ("I just wanted to ask. We just left. It just works.", {"just": 1}),
        ("It might rain. With all his might.", {"might": 1}),
        ("I’m not sure. I am not sure.", {"i'm not sure": 1, "i am not sure": 1}),
        ("To be honest, somewhat, possibly, probably.",
         {"to be honest": 1, "somewhat": 1, "possibly": 1, "probably": 1}),
        ("I, think. It could. Be.", {}),
    ],
)  # fmt: skip
def test_hedges_are_phrases_that_soften(text: str, hedges: dict[str, int]):
    found = _measured(text).hedges
    assert found is not None
    assert found.phrases == hedges


def test_a_phrase_is_a_filler_or_a_hedge_but_never_both():
    measures = _measured("It was, kind of, late.")
    assert measures.fillers is not None
    assert measures.hedges is not None
    assert (measures.fillers.count, measures.hedges.count) == (1, 0)


def test_assertives_are_phrases_that_commit():
    found = _measured("I will call. We'll see. The result was good. I'm not sure. I recommend it.").assertives
    assert found is not None
    assert found.phrases == {"i will": 1, "we'll": 1, "the result was": 1, "i recommend": 1}
