"""The talk of a job, read and measured: on the event loop if it is short, else in a thread."""

from __future__ import annotations

from dataclasses import dataclass

from cara.postgres.database import Record
from cara.speech import SpeechMeasures, measure_talk
from cara.transcripts.reading import read_transcript
from cara.transcripts.talk import Talk, talk_with

SHORT_TRANSCRIPT_CHARACTERS = 2_000
"""What is longer is read in a thread: that takes longer than the event loop should be held up."""


@dataclass(frozen=True)
class MeasuredTalk:
    """The talk of a job, read once: the measures, the judge and the highlights all go by it."""

    talk: Talk
    measures: SpeechMeasures


def is_short(job: Record) -> bool:
    """Whether measuring the talk, or finding its quotes, holds up the event loop for milliseconds only."""
    return len(job["transcript"]) <= SHORT_TRANSCRIPT_CHARACTERS


def read_and_measure(job: Record) -> MeasuredTalk:
    """Reads the transcript as the request was understood, and measures it."""
    transcript = read_transcript(job["transcript"], job["transcript_format"])
    talk = talk_with(transcript, job["learner_labels"])
    measures = measure_talk(talk, duration_seconds=job["duration_seconds"], feature_type=job["feature_type"])
    return MeasuredTalk(talk, measures)
