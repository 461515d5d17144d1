"""Normalization: Unicode, timestamps, subtitles and stage marks."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as some

from cara.speech import SpeechMeasures, measure
from cara.speech.text import compose, normalize, normalized, to_nfc


def _measured(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type=feature_type)


def test_composed_and_decomposed_letters_are_equivalent():
    text = "The café is très élégant, isn’t it?"
    assert _measured(unicodedata.normalize("NFD", text)) == _measured(unicodedata.normalize("NFC", text))


def test_control_and_invisible_characters_are_ignored():
    assert _measured("he\x00llo\u200b wor\x1dld\ufeff").words == 2
    assert _measured("he\x00llo world") == _measured("hello world")


def test_a_zero_width_space_separates_words():
    assert _measured("hello\u200bworld").words == 2


def test_letters_that_nobody_sees_are_blank_and_a_token_of_hesitation_is_one():
    assert _measured("I \u3164 want \u115f\u1160 to\uffa0go").words == 4
    assert _measured("We %HESITATION went home.").fillers.by_word == {"uh": 1}


def test_fillers_in_square_brackets_are_said():
    measures = _measured("So [um] we went [you know] home, [like] all of us. [noise]")
    assert measures.fillers.by_word == {"so": 1, "um": 1, "you know": 1, "like": 1}
    assert measures.stage_marks == {"noise": 1}


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


_LETTERS = some.text(
    alphabet=some.one_of(
        some.sampled_from(
            list("ab e1:.\n\r\x1c\u200b\u0301\u0323\u1112\u1161\u11ab\u0958\u093c\u0f73\u212b\u3099か")
        ),
        some.characters(codec="utf-8"),
    ),
    max_size=25,
)


@given(_LETTERS)
@settings(max_examples=300, deadline=None)
def test_composed_text_is_nfc_and_every_offset_leads_to_the_original(text: str):
    mapped = compose(text)
    assert mapped.text == to_nfc(text) == unicodedata.normalize("NFC", text)
    assert list(mapped.offsets) == sorted(mapped.offsets)
    assert len(mapped.offsets) == len(mapped.text) + 1
    for index in range(len(mapped.text)):
        start, end = mapped.span(index, index + 1)
        assert mapped.text[index] in unicodedata.normalize("NFC", text[start:end])


@given(_LETTERS)
@settings(max_examples=100, deadline=None)
def test_normalization_is_the_same_with_and_without_the_way_back(text: str):
    mapped = normalize(text)
    assert mapped.text == normalized(text)
    assert len(mapped.offsets) == len(mapped.text) + 1
