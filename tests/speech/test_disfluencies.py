"""Fillers, and the same words in their ordinary use; fluent words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cara.speech import SpeechMeasures, count_fluent_words, count_spoken_words, measure
from cara.transcripts.talk import read_talk


def _measured(text: str) -> SpeechMeasures:
    return measure(text, duration_seconds=60, feature_type="video")


def _fillers(text: str) -> dict[str, int]:
    found = measure(text, duration_seconds=60, feature_type="video").fillers
    assert found is not None
    assert found.count == sum(found.by_word.values())
    return found.by_word


def test_words_in_ordinary_use_are_no_fillers():
    text = (Path(__file__).parent / "transcripts" / "ordinary_words.txt").read_text(encoding="utf-8")
    assert _fillers(text) == {}


@pytest.mark.parametrize(
    ("text", "fillers"),
    [
        ("We um went uh home.", {"um": 1, "uh": 1}),
        ("To err, ummm, errr, uhhh, hm, mmm, uhm.", {"um": 2, "er": 1, "uh": 1, "hmm": 2}),
        ("ER, er and erm", {"er": 1, "erm": 1}),
        ("It was, like, huge.", {"like": 1}),
        ("Like, we went.", {"like": 1}),
        ("It was like like a dream.", {"like": 2}),
        ("It was like... gone.", {"like": 1}),
        ("It was like [pause] gone.", {"like": 1}),
        ("Like you, we went.", {}),
        ("It works, you know, at last.", {"you know": 1}),
        ("You know we tried.", {"you know": 1}),
        ("You know that we tried, as you know.", {}),
        ("I mean we tried. I mean it.", {"i mean": 1}),
        ("I mean to go. I mean, to go was right.", {"i mean": 1}),
        ("We, sort of, left. It is, kind of, late.", {"sort of": 1, "kind of": 1}),
        ("What kind of tea? This sort of tea.", {}),
        ("Basically we left. Actually, we ran. We, literally, flew.",
         {"basically": 1, "actually": 1, "literally": 1}),
        ("We actually flew. It is literally true.", {}),
        ("It works, right? Right, we go. Turn right now. Right now we go.", {"right": 2}),
        ("So we left. And so, we left. So far we stay. So that works.", {"so": 1}),
        ("It was so, so good.", {}),
        ("Well, no. Well we left. Well done. All went well.", {"well": 2}),
        ("It went well. Well done. Well, well, we know.", {"well": 2}),
        ("So, um, well, you know, we left.", {"so": 1, "um": 1, "well": 1, "you know": 1}),
        ("So well you know we left.", {"so": 1, "well": 1, "you know": 1}),
    ],
)  # fmt: skip
def test_fillers_are_distinguished_from_the_same_words_in_ordinary_use(text: str, fillers: dict[str, int]):
    assert _fillers(text) == fillers


def test_hesitations_do_not_change_whether_another_word_is_a_filler():
    assert _fillers("I um like tea. It is a um kind of uh tree.") == {"um": 2, "uh": 1}
    assert _fillers("Um, like, we went.") == {"um": 1, "like": 1}


def test_fillers_have_no_rate_in_a_transcript_without_words():
    found = measure("", duration_seconds=60, feature_type="video").fillers
    assert found is not None
    assert found.per_hundred_words is None


def test_repairs_are_counted_per_hundred_fluent_words():
    assert _measured("We um we left uh now.").repairs_per_hundred_words == pytest.approx(100 / 3, abs=0.01)


@pytest.mark.parametrize(
    ("text", "spoken", "fluent"),
    [
        ("we went to the shop and bought some bread " + "um " * 40, 49, 9),
        ("Um, you know, well, [pause] uh.", 5, 0),
        ("The the the end.", 4, 2),
        ("I want to, I want to go.", 7, 4),
        ("I wan- I need to go.", 6, 4),
        ("I met the— I saw the auditor.", 7, 4),
        ("Very, very good.", 3, 3),
        ("Ich gehe, äh, ich gehe um neun nach Hause, und, ähm, du nicht.", 13, 9),
        ("今日は、えーと、天気がいいですね。", 8, 7),
        ("", 0, 0),
    ],
)
def test_fluent_words_are_those_without_fillers_and_repairs(text: str, spoken: int, fluent: int):
    measures, talk = _measured(text), read_talk(text)
    assert (measures.words, measures.fluent_words) == (spoken, fluent)
    assert (count_spoken_words(talk.turns), count_fluent_words(talk)) == (spoken, fluent)


def test_fluent_words_are_counted_no_further_than_enough():
    talk = read_talk("We sold the shop in may, um, and the house. " * 1000)
    assert count_fluent_words(talk) == 9000
    assert 50 <= count_fluent_words(talk, enough=50) < 1500
    hesitant = read_talk("um " * 3000 + "We sold the shop in may.")
    assert count_fluent_words(hesitant, enough=50) == count_fluent_words(hesitant) == 6
