"""The entry of the room, pace and vocabulary."""

from __future__ import annotations

import pytest

from cara.speech import SpeechMeasures, measure
from cara.speech.vocabulary import mtld


def _measured(text: str, seconds: int | None = 60, feature_type: str = "conversation") -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type=feature_type)


@pytest.mark.parametrize(("words", "implausible"), [(19, True), (20, False), (400, False), (401, True)])
def test_an_implausible_speed_is_reported(words: int, implausible: bool):
    measures = _measured("the. " * words)
    assert measures.words_per_minute == words
    assert measures.words_per_minute_implausible is implausible
    assert any("pace is implausible" in note for note in measures.notes) is implausible


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


def test_speaking_speed_in_a_conversation_uses_the_learners_share_of_the_time():
    measures = _measured("You: " + "This is the word. " * 15 + "\nCoach: " + "yes it is so " * 15)
    assert measures.words_per_minute == 60
    assert measures.scorable_words_per_minute == 120


@pytest.mark.parametrize(
    ("own", "others", "seconds", "words_per_minute", "speaking"),
    [
        (70, 70, 60, 70, 140),  # both together, inside the norm of 120 to 160
        (40, 40, 60, 40, 80),  # both slow
        (100, 300, 60, 100, 160),  # the others' words raise it at most to the norm's upper end
        (200, 100, 60, 200, 200),  # the learner's own are above it
        (130, 0, 60, 130, 130),
    ],
)
def test_the_others_words_never_make_the_learner_seem_too_fast(
    own: int, others: int, seconds: int, words_per_minute: float, speaking: float
):
    measures = _measured(f"You: {'We go. ' * (own // 2)}\nCoach: {'yes ' * others}", seconds=seconds)
    assert measures.words_per_minute == words_per_minute
    assert measures.scorable_words_per_minute == speaking


def test_plausibility_depends_on_the_learners_own_words():
    few = _measured(f"You: {'Go. ' * 19}\nCoach: {'yes ' * 121}")
    assert (few.words_per_minute, few.words_per_minute_implausible) == (19, True)
    assert few.scorable_words_per_minute == 140
    many = _measured(f"You: {'Go. ' * 150}\nCoach: {'yes ' * 300}")
    assert (many.words_per_minute, many.words_per_minute_implausible) == (150, False)


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
