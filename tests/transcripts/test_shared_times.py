"""Two speakers in one caption: each gets a part of its time, which is not exact."""

from __future__ import annotations

import json

import pytest

from cara.speech import measure
from cara.transcripts.reading import read_transcript
from tests.growth import grows_linearly

CAPTIONS = (
    "WEBVTT\n\n00:01.000 --> 00:07.000\n{}Did you like?\n{}I liked the trip by the train.\n\n"
    "00:07.500 --> 00:09.000\n{}And then?\n"
)


@pytest.mark.parametrize("labels", [("Bob: ", "Me: ", "Bob: "), ("<v Bob>", "<v Me>", "<v Bob>")])
def test_each_speaker_has_the_part_of_the_letters_in_the_time_of_a_caption(labels: tuple[str, ...]) -> None:
    transcript = read_transcript(CAPTIONS.format(*labels))
    # 10 letters of 33, and 23
    assert [said.span for said in transcript.utterances] == [(1, 2.818), (2.818, 7), (7.5, 9)]
    measures = measure(CAPTIONS.format(*labels), duration_seconds=None, feature_type="conversation")
    assert measures.timing is not None
    assert measures.timing.speaking_seconds == 4.182
    assert measures.timing.talk_share_by_time == 0.558
    assert measures.timing.interruptions is measures.timing.response_latency_seconds is None
    assert any("not exact" in note for note in measures.notes)


def test_one_speaker_or_a_time_of_no_length_is_not_shared() -> None:
    said = [{"speaker": "Bob", "start": 1, "end": 2, "text": "Did you?"}] * 2
    alone = read_transcript(json.dumps(said))
    assert [each.span for each in alone.utterances] == [(1, 2), (1, 2)]
    untimed = [{"speaker": who, "text": "Did you?"} for who in ("Bob", "Me")]
    assert alone.shares_times is read_transcript(json.dumps(untimed)).shares_times is False


def test_times_are_shared_in_linear_time() -> None:
    def read(text: str) -> object:
        said = [{"speaker": str(n % 2), "start": 1, "end": 2, "text": "we go"} for n in range(len(text))]
        return read_transcript(json.dumps(said))

    assert grows_linearly(read, "x" * 2_000)
