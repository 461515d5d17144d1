"""What a learner reads at the terminal."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from cara.devtools.demo.learner import JobEvent
from cara.devtools.demo.live_view import show_events
from cara.devtools.demo.output import show_comparison, show_feedback
from cara.devtools.demo.talks import Talk
from cara.feedback.assessment.assess import assess
from cara.feedback.assessment.judgement import Judgement
from cara.practice.feedback_schemas import Feedback
from cara.speech import measure
from cara.transcripts.talk import read_talk

THAI = "สวัสดีครับ ผมชื่อต้น"


def feedback(transcript: str, seconds: int | None, feature_type: str = "conversation") -> Feedback:
    aspects = ("clarity", "tone", "confidence", "relevance", "structure")
    judgement = Judgement.model_validate(
        {
            "summary": "Well.",
            **{name: {"score": 70, "feedback": "Fine."} for name in aspects},
            "pace": {"feedback": "Even."},
            "highlights": [
                {"quote": transcript.split(": ")[-1][:5], "type": "strength", "comment": "Plain."},
            ],
            "actionItems": [{"title": "Ask", "why": "It opens.", "exercise": "Ask thrice."}],
        }
    )
    measures = measure(transcript, duration_seconds=seconds, feature_type=feature_type)
    talk = read_talk(transcript)
    return assess(talk, feature_type, measures, judgement, model="m", recent_mean_score=None)


def shown(transcript: str, seconds: int | None = 60) -> str:
    screen = io.StringIO()
    console = Console(file=screen, width=200)
    found = feedback(transcript, seconds).model_dump(mode="json", by_alias=True)
    show_feedback(console, found)
    show_comparison(console, [(Talk("A talk", "conversation", transcript, seconds), found)])
    return screen.getvalue()


def test_words_a_minute_are_those_that_a_hand_count_gives() -> None:
    text = shown("Coach: " + "yes " * 50 + "\nYou: " + "We go. " * 50)
    assert "100 words a minute, with the turns of others in the time" in text
    assert "about 150 words a minute while you speak, by your share of the words (usual: 120-160)" in text
    assert ["words", "a", "minute", "100"] in [line.split() for line in text.splitlines()]
    alone = shown("We go. " * 50)
    assert "100 words a minute (usual: 120-160)" in alone
    assert "while you speak" not in alone


@pytest.mark.parametrize(("transcript", "seconds"), [("We go. " * 300, 60), ("We go.", 60)])
def test_a_speed_that_cannot_be_is_said_to_be_none(transcript: str, seconds: int) -> None:
    assert "words and duration don't belong together" in shown(f"You: {transcript}", seconds)


def test_without_a_duration_no_speed_is_shown() -> None:
    text = shown("You: We go.", None)
    assert "2 words in 1 sentence" in text
    assert "while you speak" not in text
    assert "Words a minute need a known duration" in text


def test_a_script_without_spaces_shows_what_was_measured_and_says_what_was_not() -> None:
    text = shown(THAI)
    assert "5 words in 1 sentence" in text
    assert "0 repetitions" in text
    assert "hedges" not in text.replace("fillers, hedges, reading ease", "")
    assert "The language seems to be Thai" in text
    assert "they are told apart by a dictionary" in text


def test_what_could_not_be_measured_leaves_its_share_to_the_judge() -> None:
    found = feedback(THAI, 60)
    assert found.breakdown.communication.pace.score is None
    assert found.breakdown.communication.clarity.score == 85  # by sentences and repairs
    assert found.breakdown.communication.confidence.score == 70


async def test_where_there_is_no_terminal_each_stage_is_printed_once() -> None:
    screen = io.StringIO()
    job = {"status": "succeeded"}

    async def happening() -> AsyncIterator[JobEvent]:
        yield JobEvent("status", {"status": "queued"}, 1)
        for percent in (15, 20, 85):
            yield JobEvent("progress", {"stage": "asking", "progress": percent}, percent)
            yield JobEvent("partial", {"part": "summary", "text": "You spoke plainly."}, percent + 1)
        yield JobEvent("succeeded", job, 2_000_000)
        raise AssertionError("a job has one end")

    assert await show_events(happening(), Console(file=screen)) == job
    lines = [line.strip() for line in screen.getvalue().splitlines()]
    assert lines == ["queued 0 %", "asking 15 %", "succeeded 100 %"]
