"""Hedges and assertives, and the same words where they soften or commit to nothing."""

from __future__ import annotations

import pytest

from cara.speech import SpeechMeasures, measure


def _measured(text: str) -> SpeechMeasures:
    return measure(text, duration_seconds=60, feature_type="video")


def _hedges(text: str) -> dict[str, int]:
    found = _measured(text).hedges
    assert found is not None
    assert found.count == sum(found.phrases.values())
    return found.phrases


def _assertives(text: str) -> dict[str, int]:
    found = _measured(text).assertives
    assert found is not None
    assert found.count == sum(found.phrases.values())
    return found.phrases


@pytest.mark.parametrize(
    ("text", "hedges"),
    [
        ("I think we could be late.", {"i think": 1, "could be": 1}),
        ("I um think so. I think of home. That is what I think.", {"i think": 1}),
        ("I don't think so. I'd say it works. In my view it does.",
         {"i don't think": 1, "i'd say": 1, "in my view": 1}),
        ("I believe it works. I believe in you. I believe you. I believe it.", {"i believe": 1}),
        ("I suppose so. Suppose that x is one.", {"i suppose": 1}),
        ("I guess we go. I guess at times.", {"i guess": 1}),
        ("I feel like we lost. I feel like a winner. I feel like going.", {"i feel like": 1}),
        ("It is kind of late. A kind of tree. That is kind of you. It sort of works.",
         {"kind of": 1, "sort of": 1}),
        ("I just wanted to ask. We just left. It just works. Just now. Just a moment.", {"just": 1}),
        ("It might rain. With all his might.", {"might": 1}),
        ("It may rain. In May. This May was warm. May we win. May I ask? we met in may", {"may": 1}),
        ("We could see it. We could maybe go.", {"could maybe": 1}),
        ("It seems fine, it appears to work, she appears on stage.", {"it seems": 1, "appears to": 1}),
        ("It is likely true. The likely cause. It is more likely than snow.", {"likely": 1}),
        ("Roughly half, approximately 4 euros. It was roughly treated.", {"roughly": 1, "approximately": 1}),
        ("It is true, more or less. It is in a way true. In a way, yes. In a way that hurts.",
         {"more or less": 1, "in a way": 1}),
        ("A pen or something. A pen or something else.", {"or something": 1}),
        ("I’m not sure. I am not sure.", {"i'm not sure": 1, "i am not sure": 1}),
        ("As far as I know, we won, if I'm not mistaken.", {"as far as i know": 1, "if i'm not mistaken": 1}),
        ("To be honest, somewhat, possibly, probably, presumably, apparently.",
         {"to be honest": 1, "somewhat": 1, "possibly": 1, "probably": 1, "presumably": 1, "apparently": 1}),
        ("I'll try to come.", {"i'll try": 1}),
        ("I, um, think it could, well, be late.", {"i think": 1, "could be": 1}),
        ("I th-think it could be, be late.", {"i think": 1, "could be": 1}),
        ("I. Think. It could. Be.", {}),
        ("I think like we could go. I think like the team will. I think like a lawyer. I think like you do.",
         {"i think": 1}),
        ("I think like the plan is good and it works. I think like them.", {"i think": 1}),
        ("I feel like the plan is bad. I feel we won. I feel like pizza. I feel it. I feel good.",
         {"i feel like": 1, "i feel": 1}),
        ("I am not really sure. I'm not so sure. I'm not a hundred percent sure.",
         {"i am not really sure": 1, "i'm not so sure": 1, "i'm not a hundred percent sure": 1}),
        ("It would seem so. Might I ask? The month of May may be wet.", {"it would seem": 1, "may": 1}),
    ],
)  # fmt: skip
def test_hedges_are_phrases_that_soften(text: str, hedges: dict[str, int]):
    assert _hedges(text) == hedges


@pytest.mark.parametrize(
    ("text", "hedges"),
    [
        ("A little bit more, a little less, a little late.", {"a little bit": 1, "a little": 2}),
        ("It was a bit too fast and a bit of a risk. We moved a bit.", {"a bit": 3}),
        ("It is a little dangerous, a little complicated.", {"a little": 2}),
        ("A little girl had a bit of bread. A little family has a little house.", {}),
        ("I'd like a little. I know a bit about it. We have a little time.", {}),
    ],
)
def test_degree_is_a_hedge_and_quantity_is_none(text: str, hedges: dict[str, int]):
    assert _hedges(text) == hedges


def test_a_phrase_is_a_filler_or_a_hedge_but_never_both():
    measures = _measured("It was, kind of, late.")
    assert measures.fillers is not None
    assert measures.hedges is not None
    assert (measures.fillers.count, measures.hedges.count) == (1, 0)


@pytest.mark.parametrize(
    ("text", "assertives"),
    [
        ("I will call. The result was good. I'm not sure. I recommend it.",
         {"i will": 1, "the result was": 1, "i recommend": 1}),
        ("We'll win. We'll see. I'll try. We will have to look.", {"we'll": 1}),
        ("I will not wait, and we won't pay.", {"i will": 1, "we won't": 1}),
        ("If we will. I hope I will. Will I? You think I will?", {}),
        ("I'm sure we win. I'm sure that we win. I'm sure you are busy. I'm sure that they are.",
         {"i'm sure": 2}),
        ("I strongly recommend it. I do recommend it. I can guarantee it. I must insist.",
         {"i strongly recommend": 1, "i do recommend": 1, "i can guarantee": 1, "i must insist": 1}),
        ("I don't recommend it. I can't guarantee it. I would strongly recommend it.", {}),
        ("I will have the report ready. I will look into it. I will see you soon. We will wait no longer.",
         {"i will": 3, "we will": 1}),
        ("I will have to go. We'll see if it works. We'll see, I think. We will wait and see.", {}),
        ("I'm going to finish it. I'm going to Rome. I am going to the shop. We're going to try.",
         {"i'm going to": 1}),
        ("I won't be able to come. We won't pay.", {"we won't": 1}),
        ("I am confident that it works.", {"i am confident": 1}),
        ("It is certainly true. It certainly is not, but isn't certainly wrong.", {"certainly": 2}),
        ("Definitely not. Definitely. Yes, certainly. Certainly, sir. Almost certainly.", {}),
        ("We recommend it. Should we recommend it? We would recommend it.", {"we recommend": 1}),
    ],
)  # fmt: skip
def test_assertives_are_phrases_that_commit(text: str, assertives: dict[str, int]):
    assert _assertives(text) == assertives


@pytest.mark.parametrize(
    ("text", "assertives"),
    [
        ("I increased revenue by a tenth, launched the shop and managed nine people.", {"i increased": 1}),
        ("I've built two teams. We have reduced the cost. We won.",
         {"i've built": 1, "we have reduced": 1, "we won": 1}),
        ("I called before I wrote. I wrote a book. I grew my team.", {"i wrote": 1, "i grew": 1}),
        ("He decided. They increased sales. I grew up there. I raised my hand. If I sold it.", {}),
        ("I managed to miss the bus. I planned to go. I closed the door. I closed a deal.", {"i closed": 1}),
    ],
)  # fmt: skip
def test_results_told_in_the_first_person_are_assertives(text: str, assertives: dict[str, int]):
    assert _assertives(text) == assertives
