"""When passages were said: by words, by cues, and not at all."""

from __future__ import annotations

import json

import pytest

from cara.feedback.assessment.grounding import PassageTimes
from cara.transcripts.talk import read_talk
from tests.transcripts.test_files import EXPECTED, sent


def times_of(transcript: str, passage: str, learner: str | None = None) -> tuple[float | None, float | None]:
    start = transcript.index(passage[:8])
    last = transcript.index(passage[-6:], start) + 6
    return PassageTimes(read_talk(transcript, learner_label=learner)).find(start, last)


@pytest.mark.parametrize(
    ("name", "passage", "times"),
    [
        ("zoom.vtt", "the night shift", (3.9, 6.4)),
        ("zoom.vtt", "moved the night shift,…and waiting times", (3.9, 9.6)),
        ("labelled.srt", "and waiting…third.", (6.4, 9.6)),
        ("childes.cha", "moved the…third .", (3.9, 9.6)),
        ("solo-zoom.vtt", "We moved the…spring.", (0.0, 8.0)),
        ("rev.txt", "We counted…slow work.", (12, None)),
        ("google-meet.txt", "We counted…slow work.", (None, None)),
    ],
)
def test_a_passage_lasts_from_its_first_cue_to_its_last(
    name: str, passage: str, times: tuple[float | None, float | None]
) -> None:
    assert times_of(sent(name), passage, EXPECTED[name].get("learnerLabel")) == times


@pytest.mark.parametrize("name", ["youtube-rolling.vtt", "whisper-verbose.json"])
def test_with_times_of_words_a_passage_lasts_from_its_first_word_to_its_last(name: str) -> None:
    text = sent(name)
    talk = read_talk(text)
    (turn,) = talk.own
    first = turn.text.text.index("night")
    start, end = turn.text.span(first, turn.text.text.index("times") + 5)
    found = PassageTimes(talk).find(start, end)
    assert found == {"youtube-rolling.vtt": (1.7, 4.8), "whisper-verbose.json": (5.686, 7.751)}[name]


def test_passages_have_no_times_where_these_begin_anew() -> None:
    parts = [{"start": start, "end": start + 5, "text": f"We go on {start}."} for start in (0, 6, 0)]
    text = json.dumps([{"speaker": "You", **part} for part in parts])
    assert times_of(text, "We go on 6") == (None, None)
