"""Talks with times: what Ann says, the learner, and what others say to her."""

from __future__ import annotations

import json
from typing import Any

from cara.speech import SpeechMeasures, measure

Timed = tuple[str, float | None, float | None, str]
"""The speaker, the start, the end and the text."""


def measured(transcript: str, seconds: float | None = None, kind: str = "conversation") -> SpeechMeasures:
    return measure(transcript, duration_seconds=seconds, feature_type=kind, learner_label="Ann")


def utterances(*said: Timed) -> str:
    return json.dumps(
        [{"speaker": who, "start": start, "end": end, "text": text} for who, start, end, text in said]
    )


def spoken(words: list[tuple[str, float | None, float | None]], **more: Any) -> str:
    """An utterance of Ann's that lasts from its first word to its last one."""
    known = [time for _, start, end in words for time in (start, end) if time is not None]
    said = {
        "speaker": "Ann", "start": min(known), "end": max(known),
        "text": " ".join(word for word, _, _ in words),
        "words": [{"word": word, "start": start, "end": end} for word, start, end in words],
    }  # fmt: skip
    return json.dumps([said | more])


def timing(transcript: str) -> dict[str, Any]:
    found = measured(transcript).timing
    assert found is not None
    return found.model_dump(by_alias=True)


FIVE_WORDS: list[tuple[str, float | None, float | None]] = [
    ("We", 1.0, 1.2), ("sold", 1.3, 1.8), ("seven", 2.8, 3.2), ("houses", 3.45, 4.0), ("today.", 4.3, 5.0),
]  # fmt: skip
