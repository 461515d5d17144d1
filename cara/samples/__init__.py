"""Sample talks: one historical speech, and three written for Cara."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class Sample:
    """A transcript, and what a session needs to know about it."""

    name: str
    title: str
    feature_type: str
    duration_seconds: int
    path: Traversable

    def transcript(self) -> str:
        """Returns the text of the talk."""
        return self.path.read_text(encoding="utf-8")


def _sample(name: str, title: str, feature_type: str, duration_seconds: int) -> Sample:
    return Sample(name, title, feature_type, duration_seconds, files(__name__).joinpath(f"{name}.txt"))


# The durations of the written talks were taken by reading them aloud at an ordinary pace.
SAMPLES = (
    # The Bliss copy, in the public domain.
    _sample("gettysburg_address", "The Gettysburg Address", "video", 135),
    _sample("project_update", "Project update, full of fillers", "video", 80),
    _sample("salary_conversation", "A hedged talk about salary", "conversation", 105),
    _sample("job_interview", "A job interview that goes well", "conversation", 95),
)
