"""Pauses and articulation, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.speech.timed_talks import FIVE_WORDS, Timed, measured, spoken, timing, utterances


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


SIX_WORDS: list[tuple[str, float | None, float | None]] = [
    ("We", 1.0, 1.2), ("sold", 1.3, 1.8), ("it.", 1.9, 2.2), ("Then", 7.2, 7.5), ("we", 7.6, 7.8),
    ("left.", 7.9, 8.4),
]  # fmt: skip


def pauses(*others: Timed, words: Sequence[Any] = SIX_WORDS, cut: int = 0) -> Any:
    """The pauses of the words, which are cut into two utterances, and what others say."""
    parts = [part for part in (words[:cut], words[cut:]) if part]
    said = [json.loads(spoken(part))[0] for part in parts] + json.loads(utterances(*others))
    return timing(json.dumps(sorted(said, key=lambda one: float(one["start"]))))["pauses"]


@pytest.mark.parametrize("cut", [0, 3])
def test_signs_of_listening_hide_no_pause_and_anothers_turn_is_none(cut: int) -> None:
    alone = pauses(cut=cut)
    assert (alone["count"], alone["longestSeconds"]) == (1, 5)
    assert pauses(("Bob", 3.0, 3.4, "Mhm."), cut=cut) == alone
    assert pauses(("Bob", 3.0, 6.1, "I can't believe that."), cut=cut)["count"] == 0
    assert pauses(("Bob", 0.2, 0.9, "And what then?"), ("Bob", 8.5, 9.1, "I see that now."), cut=cut) == alone


def test_an_answer_of_one_word_is_no_sign_of_listening() -> None:
    asked = [*SIX_WORDS[:2], ("it?", 1.9, 2.2), *SIX_WORDS[3:]]
    assert pauses(("Bob", 3.0, 3.4, "Yes."), words=asked, cut=3)["count"] == 0


@pytest.mark.parametrize("mark", ["(laughs)", "[music]", "*coughs*"])
def test_a_laugh_with_times_is_no_silence(mark: str) -> None:
    laugh: tuple[str, float | None, float | None] = (mark, 2.2, 7.2)
    inside = timing(spoken([*SIX_WORDS[:3], laugh, *SIX_WORDS[3:]]))
    beside: Timed = ("Ann", 2.2, 7.2, mark)
    assert inside["pauses"]["count"] == pauses(beside, cut=3)["count"] == 0
    # Nor is it speech: the articulation rate is that of the words.
    assert inside["articulationRate"] == timing(spoken(SIX_WORDS))["articulationRate"]
    silence: tuple[str, float | None, float | None] = ("[pause]", 2.2, 7.2)
    assert timing(spoken([*SIX_WORDS[:3], silence, *SIX_WORDS[3:]]))["pauses"] == pauses()


def test_a_word_that_the_text_lacks_is_speech() -> None:
    words = [*SIX_WORDS[:3], ("um", 2.2, 7.2), *SIX_WORDS[3:]]
    text = " ".join(word for word, _, _ in SIX_WORDS)
    found = timing(spoken(words, text=text))
    assert found["pauses"]["count"] == found["pauses"]["share"] == 0
    assert found["articulationRate"] == timing(spoken(SIX_WORDS))["articulationRate"]


@pytest.mark.parametrize(("seconds", "known"), [(0.001, False), (0.06, False), (0.2, True)])
def test_nobody_articulates_more_than_twelve_syllables_a_second(seconds: float, known: bool) -> None:
    found = measured(spoken([("we", n / 2, n / 2 + seconds) for n in range(12)]))
    assert found.timing is not None
    assert (found.timing.pauses is not None) is (found.timing.articulation_rate is not None) is known
    assert ("pauses" in found.not_applicable) is not known
