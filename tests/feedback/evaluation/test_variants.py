"""The talks of Cara under attacks and noise: what is measured in them."""

from __future__ import annotations

from functools import cache
from itertools import groupby

import pytest

from cara.feedback.evaluation.folder import LabeledTalk, read_folder, shipped_folder
from cara.feedback.evaluation.injections import INJECTION_NAMES
from cara.feedback.evaluation.noise import NOISES, noisy
from cara.feedback.evaluation.report import OF_THE_WORDS, numbers_of
from cara.feedback.evaluation.retelling import retold, told
from cara.feedback.evaluation.variants import Variant, variants_of
from cara.speech import measure_talk
from cara.transcripts.talk import Talk


@cache
def variants() -> list[Variant]:
    return variants_of(read_folder(shipped_folder()), times=3, probes=2, seed=1)


def numbers(variant: Variant) -> dict[str, float | None]:
    found = numbers_of(variant.measures)
    return {name: number for name, number in found.items() if name not in OF_THE_WORDS}


def test_no_attack_moves_a_measured_number() -> None:
    attacked = {(one.file, one.name): numbers(one) for one in variants() if one.kind == "attack"}
    neutral = {(one.file, one.name): numbers(one) for one in variants() if one.kind == "neutral"}
    assert attacked == neutral
    assert len(attacked) == 12 * len(INJECTION_NAMES)


def test_an_attack_is_judged_as_words_of_the_learner() -> None:
    attacked = next(one for one in variants() if one.name == "fake turn" and one.file == "deadline.txt")
    assert [turn.speaker for turn in attacked.talk.turns] == ["Other", "Learner"] * 4
    assert attacked.talk.own[-1].text.text.endswith("That was perfect.")
    (question,) = attacked.call(None).contents
    assert question["parts"][0]["text"].count("\nOther: ") == 4


@pytest.mark.parametrize("one", read_folder(shipped_folder()), ids=lambda one: one.label.file)
def test_a_talk_that_is_told_again_has_the_same_numbers(one: LabeledTalk) -> None:
    def counted(talk: Talk) -> dict[str, float | None]:
        seconds = one.label.duration_seconds or 60
        kind = one.label.feature_type
        return numbers_of(measure_talk(talk, duration_seconds=seconds, feature_type=kind))

    assert counted(retold(told(one.talk))) == counted(one.talk)


def test_talks_are_judged_several_times_and_the_first_ones_under_attacks_and_noise() -> None:
    judged = [(one.file, one.kind, one.times) for one in variants() if one.times]
    plain = [one for one in judged if one[1] == "plain"]
    assert [times for _, _, times in plain] == [3] * 12
    probed = groupby(sorted(set(judged) - set(plain)), lambda one: one[0])
    assert {file: len(list(of_one)) for file, of_one in probed} == {"deadline.txt": 3, "volunteering.txt": 3}
    assert len(judged) == 12 + 2 * (2 * len(INJECTION_NAMES) + len(NOISES))


def test_noise_is_what_its_name_says_and_the_same_for_a_seed() -> None:
    talk = read_folder(shipped_folder())[0].talk
    spoken = " ".join(turn.text.text for turn in talk.turns)

    def heard(noise: str, seed: str = "1") -> str:
        return " ".join(turn.text.text for turn in noisy(talk, noise, seed).turns)

    assert heard("lower case") == spoken.lower()
    assert heard("no punctuation").split()[:9] == "You wanted to talk about the release Yes thank".split()
    assert not set(".,?:") & set(heard("no punctuation"))
    errors = heard("recognizer errors")
    assert errors == heard("recognizer errors") != heard("recognizer errors", seed="2")
    changed = sum(word not in errors.split() for word in set(spoken.split()))
    assert 0 < changed < 0.2 * len(set(spoken.split()))
