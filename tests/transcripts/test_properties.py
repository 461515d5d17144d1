"""However a dialogue is wrapped, labelled, timed or written down, the same is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.speech import measure_talk
from cara.transcripts.reading import read_transcript
from cara.transcripts.talk import read_talk
from tests.growth import grows_linearly

SAID = (
    "Well, um, I moved the night shift.",
    "It was, you know, slow work.",
    "Maybe we could ask the, the others first.",
    "How did you measure it?",
    "We counted 1,200 hours for two months (laughs).",
    "I think that it's the right way.",
    "No. No, I recommend that we wait.",
    "Is that R&D or sales?",
)
LABELS = ("Ann Lee", "ann", "ANN", "Dr. Ann Lee-Smith", "Speaker 2", "spk_1", "Анна", "李安")

Turns = list[tuple[bool, list[str]]]
"""Whether the learner speaks, and the sentences."""


@st.composite
def dialogues(draw: st.DrawFn) -> Turns:
    """Two speakers take turns, each at least twice."""
    sentences = st.lists(st.sampled_from(SAID), min_size=1, max_size=4)
    number = draw(st.integers(4, 8))
    return [(index % 2 == 1, draw(sentences)) for index in range(number)]


def pieces(text: str, words: int) -> list[str]:
    """The text in lines or cues of so many words."""
    split = text.split()
    return [" ".join(split[start : start + words]) for start in range(0, len(split), words)]


def clock(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{milliseconds:03}"


def cues(turns: Turns, label: str, words: int, step: float, write: Callable[..., str]) -> str:
    written: list[str] = []
    for own, said in turns:
        for piece in pieces(" ".join(said), words):
            start = len(written) * step
            written.append(write(len(written) + 1, start, start + step, label if own else "Bob Roe", piece))
    return "\n\n".join(written) + "\n"


def webvtt(turns: Turns, label: str, words: int, step: float) -> str:
    def cue(_: int, start: float, end: float, speaker: str, text: str) -> str:
        escaped = text.replace("&", "&amp;")
        return f"{clock(start, '.')} --> {clock(end, '.')}\n<v {speaker}>{escaped}</v>"

    return "WEBVTT\n\n" + cues(turns, label, words, step, cue)


def srt(turns: Turns, label: str, words: int, step: float) -> str:
    def cue(number: int, start: float, end: float, speaker: str, text: str) -> str:
        return f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{speaker}: {text}"

    return cues(turns, label, words, step, cue)


def labeled(turns: Turns, label: str, words: int, step: float) -> str:
    lines = ["\n".join(pieces(" ".join(said), words)) for _, said in turns]
    return "\n\n".join(
        f"{label if own else 'Bob Roe'}: {text}" for (own, _), text in zip(turns, lines, strict=True)
    )


def headed(turns: Turns, label: str, words: int, step: float) -> str:
    blocks = [
        f"{label if own else 'Bob Roe'}  {int(index * step) // 60}:{int(index * step) % 60:02}\n"
        + "\n".join(pieces(" ".join(said), words))
        for index, (own, said) in enumerate(turns)
    ]
    return "\n\n".join(blocks) + "\n"


def utterances(turns: Turns, label: str, words: int, step: float) -> str:
    said: list[dict[str, Any]] = [
        {"speaker": label if own else "Bob Roe", "text": piece}
        for own, sentences in turns
        for piece in pieces(" ".join(sentences), words)
    ]
    return json.dumps([{**one, "start": i * step, "end": (i + 1) * step} for i, one in enumerate(said)])


OF_TIMES = {
    "notes", "not_applicable", "timing", "words_per_minute", "speaking_words_per_minute",
    "words_per_minute_implausible",
}  # fmt: skip
"""What depends on the times that a form has."""


def counts(text: str, label: str) -> dict[str, Any]:
    talk = read_talk(text, learner_label=label)
    measures = measure_talk(talk, duration_seconds=60, feature_type="conversation")
    return measures.model_dump(exclude=dict.fromkeys(OF_TIMES, True) | {"fillers": {"per_minute"}})


@settings(max_examples=40)
@given(dialogues(), st.sampled_from(LABELS), st.integers(3, 12), st.sampled_from((0.5, 2.0, 7.25)))
def test_the_form_of_a_dialogue_changes_no_count(turns: Turns, label: str, words: int, step: float) -> None:
    plain = "\n".join(f"{'You' if own else 'Coach'}: {' '.join(said)}" for own, said in turns)
    expected = counts(plain, "You")
    for write in (webvtt, srt, labeled, headed, utterances):
        assert counts(write(turns, label, words, step), label) == expected, write.__name__


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " \n"])
@pytest.mark.parametrize(
    "said", ["Bob Roe: Why?\nAnn Lee: I like it.", "Ann  0:01\nhello\n\nBob  0:03\nso\u200e"]
)
def test_what_follows_the_last_word_takes_linear_time(said: str, line_end: str) -> None:
    def with_tail(tail: str) -> object:
        return read_transcript(said + tail)

    assert grows_linearly(with_tail, line_end * 20_000)
    assert grows_linearly(with_tail, "\u200e" * 20_000)
