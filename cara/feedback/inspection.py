"""What a transcript says of its speakers, and what cannot be judged: known before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cara.errors import Unprocessable
from cara.feedback.schemas import InspectedSpeaker, Inspection, Speaker
from cara.speech import MIN_COMPARED_WORDS, MIN_JUDGED_WORDS, count_fluent_words, count_spoken_words
from cara.transcripts.reading import read_transcript
from cara.transcripts.speakers import LearnerUnknown, learner_labels
from cara.transcripts.talk import Talk, spoken_seconds, talk_of
from cara.transcripts.utterances import (
    Transcript,
    TranscriptFormat,
    Turn,
    UnreadableTranscript,
    speaker_key,
    turns_of,
)
from cara.web.tags import MarkupBudget

MAX_SPEAKERS = 50
"""Of more speakers the first are told: a transcript of so many is hardly read as it was meant."""

_CHOOSE = "Send the label of one of the speakers as `learnerLabel`."
_UNKNOWN_NOTE = "Nothing in the transcript says which of its speakers is the learner."


class TranscriptUnreadable(Unprocessable):
    code = "unreadable_transcript"
    detail = "The transcript cannot be read in this format."


class NothingSaid(Unprocessable):
    code = "nothing_said"
    detail = "The learner says nothing in this transcript."


class TooShort(Unprocessable):
    """There are too few words to judge; fillers and repairs do not count."""

    code = "too_short"

    def __init__(self, words: int) -> None:
        super().__init__(
            f"The learner says {words} word{'' if words == 1 else 's'} in this transcript, without fillers "
            f"and repairs. Feedback needs {MIN_JUDGED_WORDS} at least."
        )


class LearnerNotKnown(Unprocessable):
    """Nothing says which of the speakers is the learner, or none of them has the label that was sent."""

    code = "learner_unknown"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "speakers": {
            "type": "array",
            "description": "With `learner_unknown`: the speakers, each with what to send as `learnerLabel`.",
            "items": {"$ref": "#/components/schemas/Speaker"},
            "examples": [[{"label": "Ann Lee", "words": 27, "seconds": None}]],
        }
    }
    further_models = (Speaker,)

    def __init__(self, speakers: list[Speaker], learner_label: str | None) -> None:
        named = any(speaker.label is not None for speaker in speakers)
        if not named:
            detail = (
                "This transcript names no speakers: leave `learnerLabel` out, or name its `transcriptFormat`."
            )
        elif learner_label is None:
            detail = f"Nothing in this transcript says which speaker is the learner. {_CHOOSE}"
        else:
            detail = f"No speaker in this transcript has the label that `learnerLabel` names. {_CHOOSE}"
        super().__init__(detail)
        self.speakers = speakers

    def further_members(self) -> Mapping[str, Any]:
        return {"speakers": [speaker.model_dump(by_alias=True) for speaker in self.speakers]}


def read_judgeable_talk(
    text: str,
    format: TranscriptFormat | None,
    learner_label: str | None,
    learner_name: str,
) -> Talk:
    """Returns the talk of a transcript that can be judged; `learner_name` is the name in the profile.

    Raises:
        TranscriptUnreadable: the text does not have the format.
        LearnerNotKnown: nothing says which of the speakers is the learner.
        NothingSaid, TooShort: the learner says no word, or fewer than `MIN_JUDGED_WORDS`.
    """
    transcript = _read(text, format)
    try:
        talk = talk_of(transcript, learner_label=learner_label, learner_name=learner_name)
    except LearnerUnknown:
        raise LearnerNotKnown(_speakers(transcript), learner_label) from None
    if not count_spoken_words(talk.own):
        raise NothingSaid
    fluent = count_fluent_words(talk, enough=MIN_COMPARED_WORDS)
    if fluent < MIN_JUDGED_WORDS:
        raise TooShort(fluent)
    return talk


def inspect(text: str, format: TranscriptFormat | None, learner_name: str) -> Inspection:
    """Returns what a transcript says of its speakers, and whom `read_judgeable_talk` takes for the learner.

    Raises:
        TranscriptUnreadable: the text does not have the format.
    """
    transcript = _read(text, format)
    notes = list(transcript.notes)
    try:
        learners = learner_labels(transcript, None, learner_name)
    except LearnerUnknown:
        learners = frozenset()
        notes.append(_UNKNOWN_NOTE)
    return Inspection(
        format=transcript.format,
        speakers=[
            InspectedSpeaker(**speaker.model_dump(), is_learner=speaker_key(speaker.label) in learners)
            for speaker in _speakers(transcript)
        ],
        duration_seconds=transcript.known_seconds,
        notes=notes,
    )


def _read(text: str, format: TranscriptFormat | None) -> Transcript:
    try:
        return read_transcript(text, format, MarkupBudget())
    except UnreadableTranscript as error:
        raise TranscriptUnreadable(f"The transcript {error}.") from None


def _speakers(transcript: Transcript) -> list[Speaker]:
    """Returns the speakers in the order in which they first speak."""
    turns: dict[str | None, list[Turn]] = {}
    for turn in turns_of(transcript.utterances):
        turns.setdefault(speaker_key(turn.speaker), []).append(turn)
    labels = transcript.speakers[:MAX_SPEAKERS]
    return [_speaker(label, turns.get(speaker_key(label), [])) for label in labels]


def _speaker(label: str | None, own: list[Turn]) -> Speaker:
    seconds = spoken_seconds(own)
    return Speaker(
        label=label, words=count_spoken_words(own), seconds=None if seconds is None else round(seconds, 3)
    )
