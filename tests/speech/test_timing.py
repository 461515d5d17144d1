"""What times tell: pauses, articulation, latency, interruptions, monologues and shares, counted by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.speech import measure_talk
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.talk import Talk, talk_with
from cara.transcripts.utterances import TimedWord, Transcript, Utterance
from tests.growth import grows_linearly
from tests.speech.timed_talks import FIVE_WORDS, Timed, measured, spoken, timing, utterances

DIALOGUE: list[Timed] = [
    ("Bob", 0.0, 3.0, "Why do you want this job?"),
    ("Ann", 4.2, 10.0, "I like the work here a lot."),
    ("Bob", 7.0, 7.4, "Mhm."),
    ("Ann", 10.5, 14.0, "And I know the people."),
    ("Bob", 14.5, 20.0, "We would expect you to travel a lot in spring"),
    ("Ann", 19.0, 22.0, "That is fine with me."),
    ("Bob", 22.5, 26.0, "And you would have to move"),
    ("Ann", 24.0, 24.3, "Yes."),
    ("Bob", 26.2, 28.0, "to the coast. Will you?"),
    ("Ann", 28.4, 30.0, "I will move in May."),
]


def test_a_conversation_matches_the_count_by_hand() -> None:
    found = timing(utterances(*DIALOGUE))
    # 1.2 after the question, -1.0 at 19.0, 0.4 at 28.4; `Mhm` and `Yes` only show that somebody listens.
    assert found["responseLatencySeconds"] == {"median": 0.4, "longest": 1.2}
    assert found["interruptions"] == 1
    assert found["longestMonologueSeconds"] == 9.8  # 4.2 to 14.0, whatever Bob murmurs
    # Ann 5.8 + 3.5 + 3.0 + 0.3 + 1.6 = 14.2; Bob 3.0 + 0.4 + 5.5 + 3.5 + 1.8 = 14.2
    assert (found["speakingSeconds"], found["talkShareByTime"]) == (14.2, 0.5)


def test_channels_that_stand_one_after_the_other_are_heard_in_the_order_of_time() -> None:
    in_order = timing(utterances(*DIALOGUE))
    cues = sorted(DIALOGUE, key=lambda one: one[0])
    text = "".join(
        f"\n00:{start:06.3f} --> 00:{end:06.3f}\n<v {who}>{said}\n" for who, start, end, said in cues
    )
    assert timing(f"WEBVTT\n{text}") == in_order


@pytest.mark.parametrize(
    ("transcript", "note"),
    [
        ("Bob  0:00\nWhy you?\n\nAnn  0:03\nI like to know it.\n\nBob  0:09\nFine.", "begins and ends"),
        (utterances(("Ann", 0, 4, "We sold it."), ("Ann", 5, 9, "Now."), ("Ann", 1, 5, "Go.")), "begin anew"),
        (utterances(*(("Ann" if n % 2 else "Bob", n, n + 4, "Go.") for n in (10, 15, 0, 5))), "begin anew"),
        (utterances(("Ann", 5, None, "We sold it."), ("Ann", 2, 1, "It is gone.")), "begins and ends"),
    ],
)  # fmt: skip
def test_times_that_tell_nothing_are_named_with_the_reason(transcript: str, note: str) -> None:
    measures = measured(transcript)
    assert measures.timing is measures.duration_seconds is measures.duration_source is None
    assert "timing" in measures.not_applicable
    assert any(note in each for each in measures.notes)


@pytest.mark.parametrize("feature_type", ["conversation", "writing"])
def test_text_without_times_and_writing_have_no_timing_and_no_note_for_it(feature_type: str) -> None:
    text = utterances(*DIALOGUE) if feature_type == "writing" else "Bob: Why?\nAnn: I like it."
    measures = measured(text, 60, feature_type)
    assert measures.timing is None
    assert "timing" not in measures.not_applicable


def test_others_without_times_leave_what_the_learners_own_times_tell() -> None:
    found = measured(utterances(("Bob", None, None, "Why?"), ("Ann", 1, 7.5, "I like the work here.")))
    assert found.timing is not None
    assert found.timing.speaking_seconds == 6.5
    assert found.timing.interruptions is found.timing.talk_share_by_time is None
    assert "talkShareByTime" in found.not_applicable


_TIME = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -1.0]), st.floats(-10, 1e6))
_WORD = st.builds(TimedWord, st.sampled_from(["We", "sold", "", "…"]), st.floats(), st.floats(-1, 400))
_UTTERANCE = st.builds(
    Utterance,
    st.sampled_from(["We sold it.", "Why?", "[Music]", "um", " "]).map(MappedText.whole),
    st.sampled_from(["Ann", "Bob"]),
    _TIME,
    _TIME,
    st.lists(_WORD, max_size=4).map(tuple),
)


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [] if value is None else [value]


@settings(max_examples=200, deadline=None)
@given(st.lists(_UTTERANCE, max_size=6).map(tuple))
def test_absurd_times_never_give_a_negative_time(said: tuple[Utterance, ...]) -> None:
    talk = talk_with(Transcript("utterances", said), {"ann"})
    measures = measure_talk(talk, duration_seconds=None, feature_type="conversation")
    told = {} if measures.timing is None else measures.timing.model_dump(exclude={"response_latency_seconds"})
    known = [*numbers(told), *numbers(measures.duration_seconds), *numbers(measures.words_per_minute)]
    assert all(math.isfinite(number) and number >= 0 for number in known)


@pytest.mark.parametrize("shift", [0.001, 7.3, 3_600.0])
def test_times_that_are_shifted_tell_the_same(shift: float) -> None:
    def shifted(start: float | None, end: float | None) -> tuple[float, float]:
        return round((start or 0) + shift, 3), round((end or 0) + shift, 3)

    later = utterances(*((who, *shifted(*times), said) for who, *times, said in DIALOGUE))
    assert measured(later) == measured(utterances(*DIALOGUE))
    words = [(word, *shifted(start, end)) for word, start, end in FIVE_WORDS]
    assert measured(spoken([*words])) == measured(spoken(FIVE_WORDS))


@pytest.mark.parametrize("step", [0.5, 0.0, -0.5], ids=["in order", "all at once", "backwards"])
def test_times_take_linear_time(step: float) -> None:
    def talk_of(text: str) -> Talk:
        said = (
            Utterance(
                MappedText.whole("we go, um, we go"),
                "Ann" if number % 3 else "Bob",
                start := 2_000 + step * number,
                start + 2.0,
                tuple(TimedWord(word, start + at, start + at + 0.2) for at, word in enumerate(("we", "go"))),
            )
            for number in range(len(text) // 10)
        )
        return talk_with(Transcript("utterances", tuple(said)), {"ann"})

    assert grows_linearly(
        lambda text: measure_talk(talk_of(text), duration_seconds=None, feature_type="video"), "x" * 24_000
    )
