"""Repetitions and false starts, and what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cara.speech.repairs import find_repairs
from cara.speech.words import tokenize


def _repairs(text: str) -> tuple[int, int]:
    repairs, _ = find_repairs(tokenize(text))
    return repairs.repetitions, repairs.false_starts


def _fluent(text: str) -> str:
    return " ".join(find_repairs(tokenize(text))[1].raw)


@pytest.mark.parametrize(
    ("text", "repetitions"),
    [
        ("I-I-I want to s-say that th-the plan w-works.", 5),
        ("W-w-we left b-but I wa-want th- the plan.", 5),
        ("W-we asked M-Mary about a s-state-of-the-art r-road.", 4),
        ("We re-read the no-nonsense notes of a co-coordinator.", 0),
        ("Bye-bye, so-so, no-no: tut-tut, yo-yo, can-can.", 0),
        ("An X-ray, a T-test and the S-shaped road on D-Day.", 0),
        ("It is a-a plan.", 1),
        ("An a-a battery, size A-A.", 0),
    ],
)
def test_a_stutter_is_one_word_and_a_repetition_for_each_of_its_starts(text: str, repetitions: int):
    assert _repairs(text) == (repetitions, 0)


@pytest.mark.parametrize(
    ("text", "repetitions"),
    [
        ("I want to, I want to go.", 1),
        ("The the the end.", 2),
        ("the the plan is is of of no use", 3),
        ("we want to leave we want to leave by noon", 1),
        ("What I want to say is, what I want to say is: go.", 1),
        ("I went to, I went to, I went to the shop.", 2),
        ("we went to the shop we went to the shop and left", 1),
        ("I was… I was late. We paid, we paid the bill.", 2),
        ("THE THE PLAN PLAN WORKS.", 2),
        ("they say that the gates the gates are narrow", 1),
        ("I— I left.", 1),
        ("we sold the the shop we we sold the shop", 3),
        ("我们我们去看看。", 1),
        ("that that that is wrong, and we we're late", 2),
        ("When I was, I was late. I said, I said that we won.", 2),
        ("We went and, we went and left. IT IS A A PLAN.", 2),
    ],
)
def test_a_run_of_words_that_is_said_again_at_once_is_a_repetition(text: str, repetitions: int):
    assert _repairs(text) == (repetitions, 0)


@pytest.mark.parametrize(
    "text",
    [
        "Location, location, location matters to Duran Duran.",
        "New York, New York. We saw Bora Bora.",
        "It is very very good, really, really good, a long, long way. No, no! Bye bye.",
        "We had had enough, and that that was so is what it is is no matter.",
        "Dial five five five or 2 2 2 or B B C, one two one two.",
        "more and more people came again and again and again, day by day by day",
        "knock knock, ha ha, thank you, thank you, come on, come on",
        "Now we can win, we can win, we can win. That is right, that is right.",
        "We will fight. We will fight.",
        "No. No. We left. We left.",
        "We love people, people who care. I like apples, apples are good. We saw the plan the plan was good.",
        "on and on and on, up and up and up",
        "When it rains, it rains. What you want, you want. If you can, you can. What I do, I do well.",
        "Whatever it is, it is over. That which we are, we are. He is the one, the one who left.",
        "Those who can, can. Whatever you do, do it well. What we did, did not help.",
        "The best of the best of the best. We waited... and waited... and won. My name is A A Milne.",
    ],
)
def test_what_is_repeated_on_purpose_is_no_repetition(text: str):
    assert _repairs(text) == (0, 0)


@pytest.mark.parametrize(
    ("language", "text", "repetitions"),
    [
        ("de", "Ich, ich wollte gehen. Und, und dann. Danke, danke. Sehr, sehr gut.", 2),
        ("fr", "Je, je veux partir. Il est dans, dans la maison. Merci, merci. Nous nous voyons.", 2),
        ("es", "Yo, yo quiero. Me ha dicho que, que vienes. y y cada uno. Gracias, gracias. Sí, sí.", 3),
        ("pt", "Eu, eu quero. e e cada um.", 2),
        ("it", "E e poi siamo andati. Ciao, ciao.", 1),
        ("nl", "Ik, ik wil gaan.", 1),
        ("und-Cyrl", "Я, я хочу. и и потом. Да, да.", 2),
    ],
)
def test_function_words_of_a_language_are_repeated_in_vain(language: str, text: str, repetitions: int):
    assert find_repairs(tokenize(text), language)[0].repetitions == repetitions


def test_languages_that_double_words_by_grammar_have_longer_repetitions_alone():
    words = tokenize("yavaş yavaş geldik ve biz geldik ve biz gittik")
    assert find_repairs(words, "tr")[0].repetitions == 1
    assert find_repairs(words, "de")[0].repetitions == 2


@pytest.mark.parametrize(
    ("text", "false_starts"),
    [
        ("I wan- I need to go. we wan- we need it", 2),
        ("I wen— went home. He is— he was late.", 2),
        ("the pro— the project", 1),
        ("I met the -- I met the auditor — and we agreed.", 1),
        ("I was going to — I went home. I was... I went.", 2),
        ("I met the aud—I met the auditor.", 1),
        ("She will— she can— she did it.", 2),
        ("We want to — we want to go.", 1),
        ("i wan- i wan- i need", 2),
        ("It's— it was late. I'm going to— I went.", 2),
        ("I was going— I went. She really wan— she needs it.", 2),
    ],
)
def test_speech_that_breaks_off_and_begins_anew_is_a_false_start(text: str, false_starts: int):
    assert _repairs(text) == (0, false_starts)


@pytest.mark.parametrize(
    "text",
    [
        "The goal—growth—is near. The goal — the only goal — is near. The goal—the one goal—is near.",
        "We can not dedicate—we can not consecrate—we can not hallow—this ground.",
        "We work 9 - 5, Monday - Friday, on pages 9- 10.",
        "Pre- and post-war years; first-, second- and third-class seats; an A- in math.",
        "- I met him.\n- I met her.",
        "— Who is it?\n— It is me.",
        "I wan-",
        "I saw it, but... I left. She came because... she loves him. He was old, and — he was poor.",
        "We bought the house and... the garden. He is older than... he looks. I was tired, so— I left.",
        "The price is... the price we had. The man works for... the bank. We met in — the city we like.",
        "I love it— I really do. I love coffee— I drink it daily. It works— it really does.",
    ],
)
def test_punctuation_is_no_false_start(text: str):
    assert _repairs(text) == (0, 0)


@pytest.mark.parametrize(
    ("text", "fluent"),
    [
        ("I-I think th-the the plan plan works.", "I think the plan works"),
        ("I met the— I saw the auditor.", "I saw the auditor"),
        ("Last year we wan- we needed it.", "Last year we needed it"),
        ("It could be — could be fine.", "It could be fine"),
        ("Very, very good.", "Very very good"),
    ],
)
def test_fluent_words_have_each_word_once(text: str, fluent: str):
    assert _fluent(text) == fluent


_WORDS = some.lists(
    some.sampled_from("the we plan went to sold I work Rome a it".split()), min_size=1, max_size=20
)


@given(_WORDS, some.integers(0, 19), some.sampled_from(["the", "we", "to", "I", "a", "it"]))
@settings(max_examples=200, deadline=None)
def test_another_function_word_said_twice_is_another_repair_and_nothing_else(
    words: list[str], at: int, twice: str
):
    at = min(at, len(words))
    once, again = [*words[:at], twice, *words[at:]], [*words[:at], twice, twice, *words[at:]]
    assert sum(_repairs(" ".join(again))) == sum(_repairs(" ".join(once))) + 1
    assert _fluent(" ".join(again)) == _fluent(" ".join(once))
