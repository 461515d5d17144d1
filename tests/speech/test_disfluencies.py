"""Fillers, and the same words in their ordinary use; fluent words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cara.speech import SpeechMeasures, count_fluent_words, count_spoken_words, measure
from cara.speech.fluency import Fluency, measure_fluency
from cara.speech.hedges import count_hedges
from cara.speech.words import tokenize
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
        ("I actually walked there and it was basically a field, and I was literally lost.",
         {"actually": 1, "basically": 1, "literally": 1}),
        ("That is what actually happened. He was taken literally.", {}),
        ("It works, right? Right, we go. Turn right now. Right now we go.", {"right": 2}),
        ("So we left. And so, we left. So far we stay. So that works.", {"so": 1}),
        ("It was so, so good.", {}),
        ("Well, no. Well we left. Well done. All went well.", {"well": 2}),
        ("It went well. Well done. Well, well, we know.", {"well": 2}),
        ("So, um, well, you know, we left.", {"so": 1, "um": 1, "well": 1, "you know": 1}),
        ("So well you know we left.", {"so": 1, "well": 1, "you know": 1}),
        ("Okay, we begin. Yeah, and anyway, that is the plan. You see, we won.",
         {"okay": 1, "yeah": 1, "anyway": 1, "you see": 1}),
        ("Ok so yeah we left.", {"okay": 1, "so": 1, "yeah": 1}),
        ("It is okay. Okay with me. You see the house. We carried on anyway. He said yeah.", {}),
        ("You: Okay.\nCoach: Would you go?\nYou: Yeah.", {}),
        ("We sold it. Okay. Now we build.", {"okay": 1}),
        ("Left, right, and straight on. Turn left, right, or go back.", {}),
        ("A pump, well, and garden came with the house. A garden, well, pump, and shed.", {}),
        ("We sold it, well, and we left, right?", {"well": 1, "right": 1}),
        ("Like mother, like daughter. Like tea, coffee is hot. Like I said, we won.", {}),
        ("So what? So far, so good. It works as well as it can. I think so.", {}),
        ("So what happened was we lost. So what if we lose? And so what?", {"so": 1}),
        ("It's on the right, you can't miss it. Take a right, we are late. This is the right we have.", {}),
        ("Turn left, right, left. Go left, then right, then left again.", {}),
        ("The right, the left, and the center.", {}),
        ("I mean business. I mean well. I mean no harm. I mean what I say. I mean you, not him.", {}),
        ("I mean business is good. I mean well we tried. I mean, well.", {"i mean": 3, "well": 2}),
        ("You know nothing. You know better than that. Now you know. You see better with glasses.", {}),
        ("Everything you know is wrong. The people you know are the ones you trust.", {}),
        ("He took every word literally. I translated it literally and left.", {}),
        ("We took the bus and literally flew.", {"literally": 1}),
        ("Err, I don't know. It was, err, um err, fine. We err on the side of caution.", {"er": 3, "um": 1}),
        ("The UM campus is big. I live in Ah Chong Street. Ah, I see.", {"ah": 1}),
        ("Well water is clean. So help me God. Right you are. Like it or not, it is true.", {}),
        ("It's cold right? I told him okay? Is that right? Are you okay? He turned right?",
         {"right": 1, "okay": 1}),
        ("Do you have it?\nYou: So... yeah.", {"so": 1, "yeah": 1}),
        ("Yep, so we left. Oh well, we tried. Anyways, O.K., we left.",
         {"so": 1, "well": 1, "anyway": 1, "okay": 1}),
        ("I like, joined the company. They were like, all over the place.", {"like": 2}),
        ("ER, WE BEGIN NOW. THE ER IS FULL.", {"er": 1}),
        ("U-um, e-er, we said uh-huh and mm-hmm, uh huh.", {"um": 1, "er": 1}),
    ],
)  # fmt: skip
def test_fillers_are_distinguished_from_the_same_words_in_ordinary_use(text: str, fillers: dict[str, int]):
    assert _fillers(text) == fillers


@pytest.mark.parametrize(
    ("text", "fillers"),
    [
        ("so um i was like thinking you know that we could like basically start on monday",
         {"so": 1, "um": 1, "like": 2, "you know": 1, "basically": 1}),
        ("so we were like waiting and like nobody came you know",
         {"so": 1, "like": 2, "you know": 1}),
        ("he was like really tired and we went to like the shop", {"like": 2}),
        ("the like the plan i want to you know i want to go", {"like": 1, "you know": 1}),
        ("i wanted like to i wanted to keep it", {"like": 1}),
        ("we went home you like know and i um so mean we were late",
         {"like": 1, "you know": 1, "um": 1, "so": 1, "i mean": 1}),
        ("she was like what are you doing there were like ten people", {}),
        ("i like tea and i would like to go where it looks like rain", {}),
        ("it was like a dream and people like you drive like a child", {}),
        ("do you know what i mean it is what i mean you know the answer", {}),
        ("turn right here right now it rained so much that we left so we came home", {}),
        ("he did well as you well know and dug a well", {}),
        ("i think like we should go and i guess like the budget is small", {"like": 2}),
        ("they think like we do and i guess people like the shop and work like crazy", {}),
        ("can you like help me we just like sat there nobody came like at all", {"like": 3}),
        ("could you like him and how can you like it i really like not working", {}),
        ("this like big dog came and i got like so mad i have like no idea", {"like": 3}),
        ("do this like normal people do there is no place like home", {}),
        ("there's like no reason and i just like don't know", {"like": 2}),
        ("and you know the weather was bad but you know my boss is nice", {"you know": 2}),
        ("and you know the answer and you know my boss if you know it is late", {}),
        ("you see the problem is that we are late", {"you see": 1}),
        ("you see the house and he said it well", {}),
        ("he said well i don't know", {"well": 1}),
    ],
)  # fmt: skip
def test_fillers_without_punctuation_are_found_by_the_words_around(text: str, fillers: dict[str, int]):
    assert _fillers(text) == fillers


_TALK = (
    "So we moved the team, you know, to a new office in May. I wanted to, I wanted to keep everyone on one "
    "floor, and I think it was like the right choice. Well, the rent went up up a little. I wen- I went to "
    "the bank; it was kind of slow and, um, late. I mean, we could maybe have waited. Anyway, it is done, "
    "and we are, like, happy."
)
_TALKS = (_TALK, re.sub(r"[.,;]", "", _TALK).lower(), _TALK.upper())
_PLACES = len(_TALK.split())
_ALWAYS_FOUND = ("um", "uh", "er", "ah", "hmm", "basically", "actually", "yeah")
_MARKERS = ("like", "you know", "i mean", "sort of", "right", "so", "well", "okay", "anyway", "you see")


@given(
    some.sampled_from(_TALKS),
    some.sampled_from((*_ALWAYS_FOUND, *_MARKERS)),
    some.integers(0, _PLACES),
    some.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_filler_more_takes_no_other_away(talk: str, filler: str, place: int, set_off: bool):
    before, after = _fluency(talk), _fluency(_with_filler(talk.split(), filler, place, set_off))
    assert before.fillers is not None
    assert after.fillers is not None
    assert before.fillers <= after.fillers
    if filler in _ALWAYS_FOUND:
        assert before.fillers < after.fillers
        assert len(after.fluent) <= len(before.fluent)
        assert after.repairs.count >= before.repairs.count
        assert count_hedges(after.fluent).count == count_hedges(before.fluent).count


def _with_filler(words: list[str], filler: str, place: int, set_off: bool) -> str:
    before, after = words[:place], words[place:]
    if not set_off:
        return " ".join([*before, filler, *after])
    comma = "," if before and before[-1][-1].isalpha() else ""
    return " ".join(before) + f"{comma} {filler}, " + " ".join(after)


def _fluency(text: str) -> Fluency:
    return measure_fluency(tokenize(text), "en")


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
