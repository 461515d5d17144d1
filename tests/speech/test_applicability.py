"""Which measures are left out, and the detection of the language."""

from __future__ import annotations

from pathlib import Path

import pytest

from cara.speech import SpeechMeasures, measure


def _measured(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type=feature_type)


def test_other_languages_get_the_applicable_measures_and_name_the_others():
    text = (Path(__file__).parent / "transcripts" / "spanish_talk.txt").read_text(encoding="utf-8")
    measures = _measured(text)
    assert measures.language == "es"
    # 4 + 14 + 10 + 2 + 10 words
    assert (measures.words, measures.sentences, measures.questions) == (40, 5, 1)
    assert measures.fillers is measures.hedges is measures.assertives is None
    assert measures.reading_ease is None
    assert measures.pace_norm is None
    assert measures.scorable_words_per_minute is None
    assert measures.words_per_minute == 40.0
    assert measures.not_applicable == ["fillers", "hedges", "assertives", "readingEase"]
    assert any("language seems to be Spanish" in note for note in measures.notes)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Je ne suis pas sûr que nous puissions le faire, mais c'est une bonne idée pour la suite.", "fr"),
        ("Ich bin nicht sicher, ob wir das schaffen, aber es ist eine gute Idee für die Zukunft.", "de"),
        ("Eu não sei se isso é uma boa ideia, mas nós vamos tentar com o time.", "pt"),
        ("今日は天気がいいですね。", "ja"),
        ("我们今天讨论计划。", "zh"),
        ("Сегодня мы говорим о плане.", "und-Cyrl"),
        ("Um, hello there.", "en"),
        ("No. No, I said no.", "en"),
        ("No, no, die so, no. Me too.", "en"),
        ("No. Yo no lo sé.", "es"),  # `yo` and `lo`
        ("um " * 100, "en"),
        ("kvetch blorp snarf " * 20, "und"),
    ],
)
def test_the_language_is_detected_from_script_and_stop_words(text: str, language: str):
    assert _measured(text).language == language


def test_a_script_without_spaces_claims_no_word_counts():
    measures = measure("我们今天讨论计划。谢谢大家。", duration_seconds=60, feature_type="video")
    assert measures.sentences == 2
    assert measures.words_per_minute is measures.vocabulary is measures.mean_sentence_words is None
    assert measures.repetitions is measures.false_starts is None
    assert {"words", "wordsPerMinute", "repetitions", "falseStarts"} <= set(measures.not_applicable)
    assert any("words can't be counted, nor can speed or repetitions" in note for note in measures.notes)


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
