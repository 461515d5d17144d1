"""The talks of a demo: samples of Cara, or a file of your own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cara.practice.schemas import FEATURE_TYPES, MAX_TRANSCRIPT_CHARACTERS
from cara.samples import SAMPLES, Sample
from cara.transcripts.files import UnusableFile, read_text_file
from cara.transcripts.reading import UnreadableTranscript, read_transcript
from cara.transcripts.speakers import LearnerUnknown, learner_labels

SHOWN_BY_DEFAULT = 2
"""Two, to show that feedback depends on the talk."""


class UnusableTalk(Exception):
    """The options name no talk that feedback can be given on; the message says why."""


@dataclass(frozen=True)
class Talk:
    """A transcript with its kind, and its duration if that is known."""

    title: str
    feature_type: str
    transcript: str
    duration_seconds: float | None
    learner_label: str | None = None


def chosen_talks(
    samples: Sequence[str],
    *,
    every: bool,
    file: Path | None,
    seconds: int | None,
    feature: str,
    learner: str | None = None,
) -> list[Talk]:
    """Returns the talks that the options name, or else the first two samples.

    Raises:
        UnusableTalk: a sample is unknown, the file is unusable, or options exclude each other.
    """
    if file is None and seconds is not None:
        raise UnusableTalk("--seconds is the duration of a file of your own: add --file")
    if file is None and learner is not None:
        raise UnusableTalk("--learner is a speaker in a file of your own: add --file")
    if file is not None and (samples or every):
        raise UnusableTalk("use either --file, for a talk of your own, or --sample and --all, not both")
    if file is not None:
        return [talk_from_file(file, seconds, feature, learner)]
    if every:
        return [_talk(sample) for sample in SAMPLES]
    if not samples:
        return [_talk(sample) for sample in SAMPLES[:SHOWN_BY_DEFAULT]]
    known = {sample.name: sample for sample in SAMPLES}
    if unknown := [name for name in samples if name not in known]:
        raise UnusableTalk(f"--sample {', '.join(unknown)} is unknown: choose from {', '.join(known)}")
    return [_talk(known[name]) for name in samples]


def talk_from_file(path: Path, seconds: int | None, feature: str, learner: str | None = None) -> Talk:
    """Returns a talk from a file, in which `learner` is the label of the learner.

    Raises:
        UnusableTalk: the file is missing, unreadable, not UTF-8, empty or too long, the kind is unknown, or
            nothing says which of the speakers is the learner.
    """
    if feature not in FEATURE_TYPES:
        raise UnusableTalk(f"--feature {feature} is unknown: choose from {', '.join(FEATURE_TYPES)}")
    try:
        text = read_text_file(path, MAX_TRANSCRIPT_CHARACTERS)
    except UnusableFile as error:
        raise UnusableTalk(str(error)) from None
    _require_learner(path, text, learner)
    return Talk(path.name, feature, text, seconds, learner)


def _require_learner(path: Path, text: str, label: str | None) -> None:
    try:
        transcript = read_transcript(text)
        learner_labels(transcript, label)
    except UnreadableTranscript as error:
        raise UnusableTalk(f"{path} {error}") from None
    except LearnerUnknown:
        speakers = ", ".join(speaker or "one without a name" for speaker in transcript.speakers)
        missing = "--learner says which of them you are" if label is None else f"{label} is none of them"
        raise UnusableTalk(f"{path} has these speakers: {speakers}; {missing}") from None


def _talk(sample: Sample) -> Talk:
    return Talk(sample.title, sample.feature_type, sample.transcript(), sample.duration_seconds)
