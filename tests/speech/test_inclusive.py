"""Notes on inclusive language: found as phrases, with suggestions; and the list behind them."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from cara.speech import SpeechMeasures, measure
from cara.speech.words import tokenize


def _measured(text: str) -> SpeechMeasures:
    return measure(text, duration_seconds=60, feature_type="conversation")


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Hi, you guys. Hey guys, the Chairman! You guys know.",
         {"you guys": 2, "hey guys": 1, "chairman": 1}),
        ("Handicapped parking, twelve man-hours and a man-made lake.",
         {"handicapped parking": 1, "man-hours": 1, "man-made": 1}),
        ("That’s layman’s terms. Fell on deaf ears.", {"layman's terms": 1, "fell on deaf ears": 1}),
        # Ordinary words, and phrases that only seem to be there.
        ("Just an easy task for our host. My mother is a master of it. Those two guys left.", {}),
        ("Thank you. Guys, we go. The man made it. He manned up. The lame horse rests.", {"manned": 1}),
    ],
)  # fmt: skip
def test_phrases_of_the_list_are_counted(text: str, phrases: dict[str, int]) -> None:
    notes = _measured(text).inclusive_language
    assert notes is not None
    assert {note.phrase: note.count for note in notes} == phrases
    assert all(note.suggestions and note.note for note in notes)


def test_notes_are_suggestions_that_change_no_other_measure() -> None:
    one, other = (
        _measured(f"We thank the {word} for the plan and go on.") for word in ("chairman", "doctor")
    )
    assert [note.suggestions for note in one.inclusive_language or []] == [["chair", "chairperson"]]
    assert one.model_copy(update={"inclusive_language": [], "opening_words": "", "closing_words": ""}) == (
        other.model_copy(update={"opening_words": "", "closing_words": ""})
    )


def test_only_english_talks_have_notes() -> None:
    measures = _measured("Wir haben einen chairman, und das ist nicht gut für uns alle hier.")
    assert measures.inclusive_language is None
    assert "inclusiveLanguage" in measures.not_applicable


def test_each_phrase_of_the_list_stands_there_once_and_can_be_found() -> None:
    listed = tomllib.loads(files("cara.speech").joinpath("inclusive.toml").read_text())
    phrases = [key for group in listed["groups"] for keys in group["phrases"] for key in keys.split(", ")]
    assert len(phrases) == len(set(phrases))
    assert [" ".join(tokenize(phrase).lower) for phrase in phrases] == phrases
    found = {note.phrase for phrase in phrases for note in _measured(phrase + ".").inclusive_language or []}
    assert found == set(phrases)
