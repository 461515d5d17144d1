"""Hedges, assertives, repairs, questions, vocabulary, readability, language."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cara.speech import SpeechMeasures, measure
from cara.speech.measures import mtld
from cara.speech.sentences import count_syllables


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


@pytest.mark.parametrize(
    ("text", "repetitions", "false_starts"),
    [
        ("I want to, I want to go.", 1, 0),
        ("The the the end.", 2, 0),
        ("We um we left.", 1, 0),
        ("It is very very good. We had had enough. Dial five five five.", 0, 0),
        ("No. No. We left. We left.", 0, 0),
        ("I wan- I need to go.", 0, 1),
        ("I wen— went home. He is— he was late.", 0, 2),
        ("The goal—growth—is near.", 0, 0),
        ("I— I left.", 1, 0),
        ("Pre- and post-war years.", 0, 0),
    ],
)
def test_repairs_are_distinguished_from_emphasis_and_grammar(text: str, repetitions: int, false_starts: int):
    measures = _measured(text)
    assert (measures.repetitions, measures.false_starts) == (repetitions, false_starts)


def test_repairs_are_counted_per_hundred_fluent_words():
    assert _measured("We um we left uh now.").repairs_per_hundred_words == 25.0


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("Is it? What now? Fine.", 2),
        ("Could you help me. What is that.", 2),
        ("What we need is time. When we left it rained. Should you need help, call.", 0),
        ("So, can we go.", 1),
        ("He asked “Why not?” and left. “Is it?” she said.", 2),
        ("What's new. Yes.", 1),
        ("Do it. Do it now. Do that again. Have it ready.", 0),
        ("Do you agree. Do they. Have we met.", 3),
        ("Which one do you want. What time is it. How many do you have.", 3),
        ("How many of them did you sell. Whose idea was it.", 2),
        ("Isn't it nice. Don't you think so. Shall we go. Should you go.", 4),
        ("Were you there. Were you to call, it would help. Should I call, or wait.", 2),
        ("What we want is it. How people did it was odd. What matters is that we go.", 0),
    ],
)
def test_questions_have_a_question_mark_or_begin_as_a_question(text: str, questions: int):
    assert _measured(text).questions == questions


def test_sentence_lengths_leave_fillers_out():
    measures = _measured("Um. So, we, you know, went home. Fine.")
    assert measures.sentences == 3
    assert measures.mean_sentence_words == 2.0  # `we went home` and `Fine`
    assert measures.longest_sentence_words == 3


def test_a_short_text_has_a_type_token_ratio_marked_as_such():
    found = _measured("one two two three").vocabulary
    assert found is not None
    assert (found.kind, found.value, found.distinct_words) == ("typeTokenRatio", 0.75, 3)


def test_a_longer_text_has_mtld():
    found = _measured("the cat sat on the mat and the dog sat by the door. " * 5).vocabulary
    assert found is not None
    assert found.kind == "mtld"


def test_mtld_is_the_mean_length_of_varied_runs():
    # Each pair `a a` ends a run at a ratio of 0.5: factors of two words each.
    assert mtld(["a"] * 60) == 2.0
    # Without a repeated word there is no factor: the whole length.
    assert mtld([f"word{number}" for number in range(60)]) == 60.0
    # a b c a: 1, 1, 1, 0.75; then b: 3 ÷ 5 = 0.6 ends the run. Forwards and backwards alike.
    assert mtld(["a", "b", "c", "a", "b"] * 2) == pytest.approx(5.0)


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
