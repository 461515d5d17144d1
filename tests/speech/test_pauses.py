"""Pauses and articulation, counted by hand."""

from __future__ import annotations

import json

import pytest

from tests.speech.timed_talks import FIVE_WORDS, measured, spoken, timing


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
