"""Which measures are left out, and the detection of the language."""

from __future__ import annotations

from pathlib import Path

import pytest

from cara.speech import SpeechMeasures, measure

ENGLISH_ONLY = [
    "hedges", "assertives", "readingEase", "inclusiveLanguage", "openQuestions", "closedQuestions"
]  # fmt: skip


def _measured(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type=feature_type)


def test_other_languages_get_the_applicable_measures_and_name_the_others():
    text = (Path(__file__).parent / "transcripts" / "spanish_talk.txt").read_text(encoding="utf-8")
    measures = _measured(text)
    assert measures.language == "es"
    # 4 + 14 + 10 + 2 + 10 words
    assert (measures.words, measures.sentences, measures.questions) == (40, 5, 1)
    assert measures.fillers is not None
    assert measures.fillers.by_word == {}  # `este año` and `está bien` are ordinary words
    assert measures.hedges is measures.assertives is None
    assert measures.reading_ease is None
    assert measures.pace_norm is None
    assert measures.scorable_words_per_minute is None
    assert measures.words_per_minute == 40.0
    assert measures.not_applicable == [*ENGLISH_ONLY, "overusedWords"]
    assert any("language seems to be Spanish" in note for note in measures.notes)


def test_a_script_without_spaces_is_measured_word_by_word_and_a_note_says_how():
    measures = measure("我们今天讨论计划。谢谢大家。", duration_seconds=6, feature_type="video")
    assert (measures.sentences, measures.words, measures.fluent_words) == (2, 6, 6)
    assert (measures.words_per_minute, measures.mean_sentence_words) == (60.0, 3.0)
    assert (measures.repetitions, measures.false_starts) == (0, 0)
    assert measures.vocabulary is not None
    assert measures.pace_norm is None
    assert measures.not_applicable == [*ENGLISH_ONLY, "overusedWords"]
    assert any("told apart by a dictionary" in note for note in measures.notes)


@pytest.mark.parametrize("text", ["", "   \n\t\n", "[pause] (laughs) ...", "\x00\x01\x1c\x1d\x1e\x7f", "👍"])
def test_a_transcript_without_words_has_no_measures(text: str):
    measures = _measured(text)
    assert (measures.words, measures.sentences, measures.questions, measures.repetitions) == (0, 0, 0, 0)
    assert measures.words_per_minute is None
    assert measures.fillers is not None
    assert (measures.fillers.count, measures.fillers.per_hundred_words) == (0, None)
    assert measures.vocabulary is None
    assert measures.reading_ease is None
    assert measures.opening_words is None
    assert "The transcript has no words of the learner." in measures.notes


def test_words_a_minute_need_a_duration_of_five_seconds():
    assert _measured("one two three four", 60).words_per_minute == 4.0
    for unknown in (None, 0, 4):
        measures = _measured("one two three four", unknown)
        assert measures.words_per_minute is None
        assert "wordsPerMinute" in measures.not_applicable
        assert measures.fillers is not None
        assert measures.fillers.per_minute is None


def test_writing_has_no_pace():
    measures = _measured("Dear all, we are moving the meeting.", feature_type="writing")
    assert measures.words_per_minute is None
    assert measures.pace_norm is None
    assert "wordsPerMinute" in measures.not_applicable


_SPANISH = "Hola, me llamo Ana y vivo aquí. Trabajo en una tienda muy grande. "
_ENGLISH = "We talked about the plan. And so we left it there. "


def _notes(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> str:
    return "\n".join(_measured(text, seconds, feature_type).notes)


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        (_ENGLISH * 3 + _SPANISH * 2, "a substantial part seems to be Spanish"),
        (_SPANISH * 3 + _ENGLISH * 2, "a substantial part seems to be English"),
        (_ENGLISH * 3 + "我们今天讨论计划，谢谢大家。" * 3, "a substantial part seems to be Chinese"),
        ((_ENGLISH * 4).replace(".", "") + (_SPANISH * 4).replace(".", ""), "seems to be Spanish"),
    ],
)
def test_a_substantial_part_in_another_language_is_noted(text: str, noted: str):
    assert "The transcript is in more than one language" in _notes(text)
    assert noted in _notes(text)


def test_a_few_foreign_words_are_not_noted():
    assert "more than one language" not in _notes(_ENGLISH * 9 + _SPANISH)
    assert "more than one language" not in _notes("We said hasta la vista and muy bien. " * 9)
    assert "more than one language" not in _notes("今天讨论计划。我们谢谢大家。これは本です。" * 3)


@pytest.mark.parametrize(
    ("text", "feature_type", "noted"),
    [
        ("we sold the shop in may. " * 25, "video", True),
        ("we sold the shop in may. " * 24, "video", False),  # 144 words
        ("we sold the shop in may. " * 25 + "um.", "video", False),
        ("we sold the shop in may. " * 25, "writing", False),
        ("Ich weiß, dass wir den Laden um neun öffnen. " * 18, "video", True),  # `um` is a word here
        ("Ich weiß, äh, dass wir den Laden um neun öffnen. " * 18, "video", False),
        ("今日は天気がいいですね。" * 30, "video", True),
        ("今日は、えーと、天気がいいですね。" * 30, "video", False),
    ],
)
def test_a_long_talk_without_a_hesitation_may_have_been_cleaned(text: str, feature_type: str, noted: bool):
    assert ("may have been cleaned" in _notes(text, 120, feature_type)) is noted


def test_an_implausible_pace_and_a_short_talk_are_noted():
    assert "The pace is implausible" in _notes("we go. " * 300)
    assert "The pace is implausible" not in _notes("we go. " * 60)
    assert "The pace is implausible" not in _notes("we go. " * 300, None)
    assert "Fewer than 50 words besides fillers and repairs" in _notes("um, we sell. " * 24)
    assert "Fewer than 50 words" not in _notes("we sell. " * 25)
