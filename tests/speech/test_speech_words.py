"""Words, sentences and text normalization, and the measures of transcripts without words."""

from __future__ import annotations

import unicodedata

import pytest

from cara.speech import SpeechMeasures, measure


def _measured(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type=feature_type)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't won’t it's", 3),
        ("a well-known state-of-the-art thing", 4),
        ("in 2024 we paid $1,000.50 at 10:30", 7),
        ("one—two – three -- four", 4),
        ("naïve café über Ångström", 4),
        ("Привет, как дела?", 3),
        ("नमस्ते दुनिया", 2),
        ("yes_no *bold* 'quoted'", 4),
        ("👍 fine 🎉", 1),
    ],
)
def test_words_are_counted_as_a_person_would(text: str, words: int):
    assert _measured(text).words == words


def test_composed_and_decomposed_letters_are_equivalent():
    text = "The café is très élégant, isn’t it?"
    assert _measured(unicodedata.normalize("NFD", text)) == _measured(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Mr. Gray met Dr. Green. They talked.", 2),
        ("It was 3.5 percent. Good.", 2),
        ("The U.S. market grew. So did ours!", 2),
        ("We tried... and tried. Then... It worked.", 3),
        ("I was... I think I was late.", 1),
        ("Really? Yes! Fine.", 3),
        ("nothing ends here", 1),
        ("1. We begin. 2. We end.\n3. We go.", 4),
        ("She said “stop.” Then she left.", 2),
        ("He asked “Why not?” and left. “No!” she cried. (Why?) Then it rained.", 4),
        ("We met at 3 p.m. today and we talked, e.g. about the plan, i.e. the new one.", 1),
        ("We met at 3 p.m. Then we talked.", 2),
        ("We saw cities, e.g. Paris, and one man, i.e. Gray.", 1),
        ("It is No. 5 on the list. I said no. 5 people left.", 3),
        ("It is plan B. We go on with J. Gray in the U.S. Army.", 2),
        ("We met on Jan. 5 and Fig. 2 shows it. They came in Jan. We did not.", 3),
        ("We left. um, then it rained.", 1),
        ("We left. Um, then it rained. I ran.", 3),
        ("we left. then it rained. i ran.", 3),  # a text without capitals
    ],
)
def test_sentences_end_where_a_person_would_end_them(text: str, sentences: int):
    assert _measured(text).sentences == sentences


def test_a_turn_without_punctuation_is_one_sentence():
    assert _measured("You: hello there\nCoach: hello\nYou: how nice").sentences == 2


def test_a_long_transcript_without_punctuation_has_no_sentence_measures():
    measures = _measured("we went to the shop and bought bread " * 20)
    assert measures.mean_sentence_words is None
    assert measures.reading_ease is None
    assert {"meanSentenceWords", "longestSentenceWords", "readingEase"} <= set(measures.not_applicable)
    assert any("no punctuation" in note for note in measures.notes)


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


def test_control_and_invisible_characters_are_ignored():
    assert _measured("he\x00llo\u200b wor\x1dld\ufeff").words == 2
    assert _measured("he\x00llo world") == _measured("hello world")


def test_timestamps_are_no_words_but_times_of_day_are():
    assert _measured("[00:12] hello [1:02:03.5] there 00:12:03 you (00:15)").words == 3
    assert _measured("1\n00:00:01,000 --> 00:00:04,000\nhello there\n").words == 2
    assert _measured("we meet at 10:30 sharp").words == 5


SUBTITLES = (
    "WEBVTT - Talk\nKind: captions\nLanguage: en\n\nNOTE written\nby a machine\n\n0a1b-2c/12-0\n"
    "00:03.000 --> 00:00:05.000 align:start position:0%\nUm, we grew.\n\n2\n00:00:05.000 --> 00:00:09.000\n"
    "Why not <c.loud>more</c>?\n"
)


def test_subtitles_are_reduced_to_their_text():
    for text in (SUBTITLES, SUBTITLES.replace("\n", "\r\n"), "\ufeff" + SUBTITLES):
        measures = _measured(text)
        assert (measures.words, measures.sentences, measures.questions) == (6, 2, 1)
        assert measures.opening_words == "Um, we grew."
        assert measures.closing_words == "Why not more?"
    assert (
        _measured("1\n00:00:01,000 --> 00:00:02,000\nWe go\n\n2\n00:00:03,000 --> 00:00:04,000\non.").words
        == 3
    )
    assert _measured("NOTE this\n\nNOTE that").words == 4  # no subtitles


def test_only_usual_stage_marks_are_removed_in_round_brackets():
    measures = _measured("We (my boss and I) left (laughing softly). [door closes]")
    assert measures.words == 6
    assert measures.stage_marks == {"laughing softly": 1, "door closes": 1}


def test_words_a_minute_need_a_duration_of_five_seconds():
    assert _measured("one two three four", 60).words_per_minute == 4.0
    for unknown in (None, 0, 4):
        measures = _measured("one two three four", unknown)
        assert measures.words_per_minute is None
        assert "wordsPerMinute" in measures.not_applicable
        assert measures.fillers is not None
        assert measures.fillers.per_minute is None


@pytest.mark.parametrize(("words", "implausible"), [(19, True), (20, False), (400, False), (401, True)])
def test_an_implausible_speed_is_reported_and_not_scored(words: int, implausible: bool):
    measures = _measured("the. " * words)
    assert measures.words_per_minute == words
    assert measures.words_per_minute_implausible is implausible
    assert (measures.scorable_words_per_minute is None) is implausible


def test_writing_has_no_pace():
    measures = _measured("Dear all, we are moving the meeting.", feature_type="writing")
    assert measures.words_per_minute is None
    assert measures.pace_norm is None
    assert "wordsPerMinute" in measures.not_applicable


def test_a_negative_duration_and_an_unknown_feature_type_are_refused():
    with pytest.raises(ValueError, match="negative"):
        _measured("hello", -1)
    with pytest.raises(ValueError, match="unknown feature type"):
        _measured("hello", feature_type="juggling")


def test_the_measures_are_frozen_and_serialized_in_camel_case():
    measures = _measured("Hello, I will help.")
    written = measures.model_dump(by_alias=True)
    assert written["wordsPerMinute"] == 4.0
    assert written["fillers"]["perHundredWords"] == 0.0
    assert SpeechMeasures.model_validate_json(measures.model_dump_json(by_alias=True)) == measures
    with pytest.raises(ValueError, match="frozen"):
        measures.words = 3
