"""What times tell: pauses, articulation, latency, interruptions, monologues and shares, counted by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.speech import SpeechMeasures, measure, measure_talk
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.talk import Talk, talk_with
from cara.transcripts.utterances import TimedWord, Transcript, Utterance
from tests.growth import grows_linearly

Timed = tuple[str, float | None, float | None, str]
"""The speaker, the start, the end and the text."""


def measured(transcript: str, seconds: float | None = None, kind: str = "conversation") -> SpeechMeasures:
    return measure(transcript, duration_seconds=seconds, feature_type=kind, learner_label="Ann")


def utterances(*said: Timed) -> str:
    return json.dumps(
        [{"speaker": who, "start": start, "end": end, "text": text} for who, start, end, text in said]
    )


def spoken(words: list[tuple[str, float | None, float | None]], **more: Any) -> str:
    """An utterance of Ann's that lasts from its first word to its last one."""
    known = [time for _, start, end in words for time in (start, end) if time is not None]
    said = {
        "speaker": "Ann", "start": min(known), "end": max(known),
        "text": " ".join(word for word, _, _ in words),
        "words": [{"word": word, "start": start, "end": end} for word, start, end in words],
    }  # fmt: skip
    return json.dumps([said | more])


def timing(transcript: str) -> dict[str, Any]:
    found = measured(transcript).timing
    assert found is not None
    return found.model_dump(by_alias=True)


FIVE_WORDS: list[tuple[str, float | None, float | None]] = [
    ("We", 1.0, 1.2), ("sold", 1.3, 1.8), ("seven", 2.8, 3.2), ("houses", 3.45, 4.0), ("today.", 4.3, 5.0),
]  # fmt: skip


def test_pauses_and_articulation_match_the_count_by_hand() -> None:
    found = timing(spoken(FIVE_WORDS))
    # Silences: 0.1, 1.0, 0.25, 0.3. Over 0.25: 1.0 and 0.3. Speech: 4.0 - 1.3 = 2.7 s.
    assert found["pauses"] == {"count": 2, "perMinute": 30.0, "share": 0.325, "longestSeconds": 1.0}
    # We, sold, sev-en, hous-es, to-day: eight syllables in 2.7 s.
    assert found["articulationRate"] == {"wordsPerMinute": 111.1, "syllablesPerMinute": 177.8}
    assert found["speakingSeconds"] == found["longestMonologueSeconds"] == 4.0
    assert found["responseLatencySeconds"] is found["interruptions"] is found["talkShareByTime"] is None


def test_a_pause_may_stand_between_two_utterances_of_a_turn_but_not_around_anothers() -> None:
    first, second = json.loads(spoken(FIVE_WORDS))[0], json.loads(spoken([("Now", 5.5, 6.0)]))[0]
    assert timing(json.dumps([first, second]))["pauses"]["count"] == 3
    between = {"speaker": "Bob", "start": 5.1, "end": 5.4, "text": "How many do you have?"}
    assert timing(json.dumps([first, between, second]))["pauses"]["count"] == 2


def test_silence_where_a_word_without_times_stands_is_no_pause() -> None:
    words = [*FIVE_WORDS[:2], ("7", None, None), *FIVE_WORDS[2:]]
    assert timing(spoken(words))["pauses"]["count"] == 1
    few = [("We", 1.0, 1.2), ("sold", None, None), ("houses", None, None), ("today", 9.0, 9.5)]
    assert timing(spoken(few))["pauses"] is None
    assert "pauses" in measured(spoken(few)).not_applicable


@pytest.mark.parametrize(
    "words",
    [
        [(word, start - 1, end - 1) for word, start, end in FIVE_WORDS],  # from the utterance's beginning
        [("We", 40.0, 340.0), *((word, start + 350, end + 350) for word, start, end in FIVE_WORDS[1:])],
        [*reversed(FIVE_WORDS)],
    ],
)
def test_words_whose_times_make_no_sense_tell_nothing(words: list[tuple[str, float, float]]) -> None:
    text = " ".join(word for word, _, _ in words)
    found = timing(spoken([(word, start, end) for word, start, end in words], start=40, end=44, text=text))
    assert found["pauses"] is found["articulationRate"] is None
    assert found["speakingSeconds"] == 4


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


@pytest.mark.parametrize(
    ("said", "latency", "interruptions"),
    [
        ([("Bob", 0, 3, "Did you like it?"), ("Ann", 3.3, 4, "Yes.")], 0.3, 0),  # one word that answers
        ([("Bob", 0, 3, "We begin"), ("Ann", 2.7, 5, "Not so fast.")], -0.3, 0),
        ([("Bob", 0, 3, "We begin"), ("Ann", 2.699, 5, "Not so fast.")], -0.301, 1),
        ([("Bob", 0, 9, "We begin now"), ("Ann", 4, 5, "Not so fast.")], None, 1),  # and Bob goes on
        ([("Ann", 0, 5, "I think that"), ("Bob", 4, 6, "No, wait"), ("Ann", 5.2, 8, "we sell.")], -0.8, 0),
        ([("Ann", 0, 5, "Is it late?"), ("Bob", 5.4, 5.7, "No."), ("Ann", 6, 7, "Then I stay.")], 0.3, 0),
        ([("Ann", 0, 5, "It is late."), ("Bob", 5.4, 5.7, "Okay."), ("Ann", 6, 7, "So I go.")], None, 0),
        ([("Ann", 0, 9, "It is late."), ("Bob", 2, 3, "I can see."), ("Ann", 9.5, 11, "I go.")], None, 0),
    ],
)  # fmt: skip
def test_who_takes_the_floor_and_how(said: list[Timed], latency: float | None, interruptions: int) -> None:
    found = timing(utterances(*said))
    assert (found["responseLatencySeconds"] or {"median": None})["median"] == latency
    assert (found["interruptions"] or 0) == interruptions


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


def test_whole_seconds_and_captions_without_gaps_tell_no_latency() -> None:
    rounded = [
        ("Bob" if n % 2 else "Ann", float(3 * n), float(3 * n + 2), "And so it goes on.") for n in range(12)
    ]
    found = measured(utterances(*rounded))
    assert found.timing is not None
    assert found.timing.response_latency_seconds is found.timing.interruptions is None
    assert found.timing.talk_share_by_time == 0.5
    assert any("not exact" in note for note in found.notes)
    joined = "".join(
        f"\n00:{2 * n:02}.500 --> 00:{2 * n + 2:02}.500\n<v {who}>And so it goes on.\n"
        for n, who in enumerate(("Bob", "Ann") * 3)
    )
    assert timing(f"WEBVTT\n{joined}")["responseLatencySeconds"] is None


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
