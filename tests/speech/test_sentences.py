"""Sentence lengths, reading ease and syllables."""

from __future__ import annotations

import logging

import pytest

from cara.speech import SpeechMeasures, measure
from cara.speech.sentences import count_syllables


def _measured(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type=feature_type)


def test_sentence_lengths_leave_fillers_out():
    measures = _measured("Um. So, we, you know, went home. Fine.")
    assert measures.sentences == 3
    assert measures.mean_sentence_words == 2.0  # `we went home` and `Fine`
    assert measures.longest_sentence_words == 3


def test_reading_ease_follows_the_formula_of_flesch():
    # The cat sat on the mat: 6 words, 1 sentence, 6 syllables.
    assert _measured("The cat sat on the mat.").reading_ease == pytest.approx(
        206.835 - 1.015 * 6 - 84.6, abs=0.05
    )
    assert _measured("Um, the cat, uh, sat on the mat.").reading_ease == pytest.approx(116.1, abs=0.05)


@pytest.mark.parametrize(
    ("word", "count"),
    [("nation", 2), ("dedicated", 4), ("idea", 3), ("don't", 1), ("well-known", 2), ("20", 2)],
)
def test_syllables_match_the_pronunciation(word: str, count: int):
    assert count_syllables(word) == count


def test_the_syllable_library_logs_no_word_of_a_transcript(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        _measured("The zxqvbnish plan is secretive.")
    assert caplog.text == ""


def test_a_long_transcript_without_punctuation_has_no_sentence_measures():
    measures = _measured(" ".join(f"we went to shop {number} and bought bread" for number in range(20)))
    assert measures.mean_sentence_words is None
    assert measures.reading_ease is None
    assert {"meanSentenceWords", "longestSentenceWords", "readingEase"} <= set(measures.not_applicable)
    assert any("no punctuation" in note for note in measures.notes)


def test_one_name_in_a_text_of_small_letters_takes_no_full_stop_away():
    assert _measured("i met Ann. she was nice. we talked. it was late.").sentences == 4


def test_who_hesitates_goes_on():
    for text in (
        "I met um... Ann yesterday.",
        "She works at... uh... Acme.",
        "We sat in town um? and there we ate.",
    ):
        assert _measured(text).sentences == 1, text
    assert _measured("We sat down... Then we ate.").sentences == 2


def test_a_single_mark_in_many_words_is_hardly_any_punctuation():
    words = " ".join(f"we went to shop {number} and bought bread" for number in range(20))
    assert _measured(f"{words}.").mean_sentence_words is None
    short = " ".join(f"we went to shop {number} and bought bread." for number in range(20))
    assert _measured(short).mean_sentence_words == 8
    assert _measured("we went to the shop and bought bread there").mean_sentence_words == 9
