"""A folder of labeled talks: transcripts, and `labels.json` with what somebody thinks of them.

Everything that is wrong with a folder is told at once, before anything is spent.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cara.errors import CaraError
from cara.feedback.inspection import read_judgeable_talk
from cara.practice.schemas import (
    MAX_DURATION_SECONDS,
    MAX_TRANSCRIPT_CHARACTERS,
    FeatureType,
    SessionGoal,
)
from cara.transcripts.files import UnusableFile, read_text_file
from cara.transcripts.talk import Talk
from cara.transcripts.utterances import TranscriptFormat
from cara.web.field_problems import field_problems

LABELS, LABELS_OF_ONE = "labels.json", ".labels.json"
MAX_LABELS_CHARACTERS = 1_000_000

ScoreName = Literal["overall", "clarity", "pace", "confidence", "tone", "relevance", "structure"]


class UnusableFolder(Exception):
    """The folder cannot be evaluated; `problems` says all that is wrong, a line each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Label(BaseModel):
    """What `labels.json` says of one talk; `comment` is for those who read the file."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)

    file: Annotated[str, Field(min_length=1)]
    feature_type: FeatureType
    duration_seconds: Annotated[float, Field(ge=0, le=MAX_DURATION_SECONDS)] | None = None
    learner_label: str | None = None
    transcript_format: TranscriptFormat | None = None
    goal: SessionGoal | None = None
    scores: Annotated[dict[ScoreName, Annotated[float, Field(ge=0, le=100)]], Field(min_length=1)]
    comment: str = ""


@dataclass(frozen=True)
class LabeledTalk:
    """A talk that can be judged, and its label."""

    label: Label
    talk: Talk


def shipped_folder() -> Path:
    """Returns the folder of the labeled talks that come with Cara."""
    return Path(str(files("cara.samples.labeled")))


def read_folder(folder: Path) -> list[LabeledTalk]:
    """Returns the labeled talks, in the order of `labels.json`, then of the names of `*.labels.json`.

    Raises:
        UnusableFolder: there are none, labels are invalid, or a talk is missing or cannot be judged.
    """
    if not folder.is_dir():
        raise UnusableFolder(f"{folder} is no folder")
    problems: list[str] = []
    labels = [label for name, entry in _entries(folder) for label in _label(name, entry, problems)]
    problems += [
        f"{file} has more than one label"
        for file, count in Counter(label.file for label in labels).items()
        if count > 1
    ]
    talks = [talk for label in labels for talk in _talk(folder, label, problems)]
    if problems:
        raise UnusableFolder(*problems)
    return talks


def _entries(folder: Path) -> list[tuple[str, Any]]:
    """Returns the labels as they are written, each with where it stands."""
    entries = []
    if (folder / LABELS).exists():
        listed = _json(folder / LABELS)
        if not isinstance(listed, list):
            raise UnusableFolder(f"{folder / LABELS} must hold a list of labels")
        entries = [(f"{LABELS}, entry {number}", entry) for number, entry in enumerate(listed, 1)]
    entries += [(path.name, _json(path)) for path in sorted(folder.glob(f"*{LABELS_OF_ONE}"))]
    if not entries:
        raise UnusableFolder(f"{folder} has no labels: neither {LABELS} nor *{LABELS_OF_ONE}")
    return entries


def _json(path: Path) -> Any:
    try:
        return json.loads(read_text_file(path, MAX_LABELS_CHARACTERS))
    except UnusableFile as error:
        raise UnusableFolder(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise UnusableFolder(f"{path} is not JSON: {error}") from None


def _label(name: str, entry: Any, problems: list[str]) -> list[Label]:
    """Returns the label, or none and adds what is wrong with it."""
    try:
        return [Label.model_validate(entry)]
    except ValidationError as error:
        found = field_problems(error, entry, within="the label")
        problems += [f"{name}: {problem.field} {problem.message}" for problem in found]
        return []


def _talk(folder: Path, label: Label, problems: list[str]) -> list[LabeledTalk]:
    """Returns the talk of a label, or none and adds why it cannot be judged."""
    path = folder / label.file
    try:
        if path.name != label.file:
            raise UnusableFile(f"{label.file} must be the name of a file in the folder")
        text = read_text_file(path, MAX_TRANSCRIPT_CHARACTERS)
        talk = read_judgeable_talk(text, label.transcript_format, label.learner_label, "")
    except UnusableFile as error:
        problems.append(str(error))
    except CaraError as error:
        problems.append(f"{path}: {error.detail}")
    else:
        return [LabeledTalk(label, talk)]
    return []
