"""Which runs of characters are words, and where sentences end."""

from __future__ import annotations

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
        ("iPhone を 買う", 3),
        ("iPhoneを買う。", 3),
        ("ฉันไปโรงเรียนทุกวัน", 5),
        ("ຂ້ອຍໄປໂຮງຮຽນ", 3),
        ("ខ្ញុំទៅសាលារៀន", 3),
        ("ကျွန်တော်ကျောင်းသွားတယ်", 4),
        ("ខ្ញុំ\u200bទៅ\u200bសាលារៀន", 3),
        ("저는 학교에 갑니다", 3),
        ("😀今日は😀天気😀", 3),
        ("𠮷と𠮷は今日も天気", 7),  # Han beyond the first plane
        ("我们don't讨论1,000个计划。", 6),
    ],
)
def test_words_are_counted_as_a_person_would(text: str, words: int):
    assert _measured(text).words == words


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
