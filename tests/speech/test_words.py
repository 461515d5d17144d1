"""Which runs of characters are words, and where sentences end."""

from __future__ import annotations

import pytest

from cara.speech import SpeechMeasures, measure
from cara.speech.words import list_words, tokenize
from tests.growth import grows_linearly


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
        ("日本語はhttps://example.com/aです。", 4),
        ("write to ann.lee+news@mail.example.co.uk, or mailto:first_last@x.com.", 5),
        ("see https://example.com/a_b?c=d&e=(f)#g. Or (www.site.museum), ftp://a/b!", 5),
        ("otter.ai, example.com/path?q=1 and notes_v2.final.pdf run on Node.js", 7),
        ("he/she went at 3p.m. there.Then we left", 9),
        ("@ann_lee likes #TeamWork_now and _notes_1.txt_.", 5),
        ("3 p.m. in Washington, D.C. with a Ph.D., e.g. U.S.-based, т.е. z.B. this", 13),
        ("R&D at AT&T, Q&A on the S&P500, salt & pepper", 9),
        ("1 000 000 or 1\u202f000\u202f000,50 or 1.000.000 or 1'000 or 2,5", 9),
        ("2020 2021 and 12 345 67", 6),
        ("3-4, 3–4, 1/2, 24/7, 10:30, version 3.11.2 and 192.168.0.1 at 50 %", 11),
        ("call +1 (555) 123-4567, +49 30 1234567 or (555) 123-4567", 5),
        ("3 < 5 and 7 > 2", 5),
        ("\u2067שלום\u2069 co\u00adoperate می\u200cروم x\u2060y a\ufe0f", 5),
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
        ("we met mr. gray of acme inc. at 3 p.m. today. he lives on main st. he left.", 3),
        ("She works at Acme Inc. The firm is small. He lives on Main St. He waved.", 4),
        ("We met in St. Paul at 3 p.m. in Washington, D.C. with Gen. Lee of the U.S. team.", 1),
        ("We met at 3 p.m. Monday, and Dr. Who came. At 4 p.m. Ann left.", 3),
        ("It was approx. Five, Germany vs. Brazil, on p. 5. We ate bread, milk, etc. And then we left.", 3),
        ("He has a Ph.D. Students like him in the U.S. I work there. J. R. R. Lee left.", 4),
        ("Wir essen z. B. Bananen, d. h. Obst usw. Am 3. Oktober auch.", 2),
        ("M. Dupont est ici. El Sr. Gray llegó.", 2),
        ("Really?! He left.Then she came. **We ran.** It rained.", 5),
        ("Is it at https://example.com/a?b. c? See Node.js. It works.", 3),
    ],
)
def test_sentences_end_where_a_person_would_end_them(text: str, sentences: int):
    assert _measured(text).sentences == sentences


def test_a_turn_without_punctuation_is_one_sentence():
    assert _measured("You: hello there\nCoach: hello\nYou: how nice").sentences == 2


def test_words_and_gaps_are_the_text():
    text = "Ann.lee@example.com met 1 000 people, at 3 p.m.; see https://example.com/a_(b)?c=d! 今日はhttp://x.com。"
    words = tokenize(text)
    assert "".join(raw + gap for raw, gap in zip(words.raw, words.gaps, strict=True)) == text + "\n"
    assert len(list_words(text)) == len(words) == 12


def test_a_question_mark_in_a_link_asks_nothing():
    assert _measured("See https://example.com/a?b=c&d=1 today.").questions == 0
    assert _measured("Is it https://example.com/a?b? Yes.").questions == 1


def test_full_stops_of_abbreviations_are_no_punctuation():
    measures = _measured("we met mr. gray at 3 p.m. and bought bread " * 20)
    assert measures.mean_sentence_words is None
    assert _measured("- we went home and bought bread\n" * 20).mean_sentence_words == 6


@pytest.mark.parametrize("unit", ["a.", "ab.", "a@", "a@b.", "1 000 ", "+1(", "://", "a.com/", "a_ ", "a&"])
def test_what_may_become_a_word_takes_linear_time(unit: str):
    assert grows_linearly(tokenize, unit * (64_000 // len(unit)))
