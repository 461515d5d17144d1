"""Folders of labeled talks: those of Cara, and those with something wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cara.feedback.evaluation.folder import UnusableFolder, read_folder, shipped_folder
from cara.feedback.evaluation.variants import variants_of
from cara.speech.languages import detect_language
from cara.speech.words import tokenize
from tests.learners import TALK

GOOD = {"file": "talk.txt", "featureType": "video", "scores": {"overall": 70}}


def labeled(folder: Path, *labels: Any, **files: str) -> Path:
    """A folder with `talk.txt`, these files, and the labels."""
    for name, text in {"talk": TALK, **files}.items():
        (folder / f"{name}.txt").write_text(text)
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(UnusableFolder) as refused:
        read_folder(folder)
    return [problem.removeprefix(f"{folder}/") for problem in refused.value.problems]


def test_the_talks_of_cara_are_of_all_kinds_and_each_is_labeled() -> None:
    talks = read_folder(shipped_folder())
    files = {path.name for path in shipped_folder().iterdir() if path.suffix in (".txt", ".vtt")}
    assert {one.label.file for one in talks} == files
    assert {one.label.feature_type for one in talks} == {
        "conversation",
        "writing",
        "accent",
        "listening",
        "video",
    }
    overall = [one.label.scores["overall"] for one in talks]
    assert (min(overall) < 40, max(overall) > 90) == (True, True)
    spoken = [tokenize(" ".join(turn.text.text for turn in one.talk.own)) for one in talks]
    assert {detect_language(words) for words in spoken} == {"en", "de", "es"}


def test_each_label_may_stand_beside_its_talk(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text(TALK)
    goal = {"audience": "The board", "targetSeconds": 60}
    label = {**GOOD, "durationSeconds": 12.5, "goal": goal, "comment": "Short."}
    (tmp_path / "talk.labels.json").write_text(json.dumps(label))
    (one,) = read_folder(tmp_path)
    assert (one.label.duration_seconds, one.label.scores) == (12.5, {"overall": 70})
    plain, *_ = variants_of([one], times=1, probes=0, seed=1)
    (question,) = plain.call(None).contents
    assert '"targetSeconds":60,"secondsOverTarget":-47.5' in question["parts"][0]["text"]
    assert '{"audience": "The board"}' in question["parts"][0]["text"]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    folder = labeled(
        tmp_path,
        GOOD,
        {**GOOD, "featureType": "singing"},
        {**GOOD, "scores": {"clarity": 101}},
        {**GOOD, "scores": {"charm": 50}},
        {**GOOD, "scores": {"overall": True}, "durationSeconds": "60"},
        {**GOOD, "scores": {}, "mood": "good"},
        {**GOOD, "goal": {"targetSeconds": 1}},
        {**GOOD, "file": "missing.txt"},
        {**GOOD, "file": "../talk.txt"},
        {**GOOD, "file": "short.txt"},
        {**GOOD, "file": "both.txt"},
        GOOD,
        short="Yes, of course.",
        both=f"Ann: {TALK}\nBob: {TALK}\nAnn: Good.\n",
    )
    told = (
        "labels.json, entry 2: featureType must be 'conversation', 'writing'",
        "labels.json, entry 3: scores.clarity must be at most 100",
        "labels.json, entry 4: scores.charm must be 'overall', 'clarity'",
        "labels.json, entry 5: durationSeconds must be a number",
        "labels.json, entry 5: scores.overall must be a number",
        "labels.json, entry 6: scores must have at least 1 item",
        "labels.json, entry 6: mood is unknown here",
        "labels.json, entry 7: goal.targetSeconds must be at least 5",
        "talk.txt has more than one label",
        "missing.txt cannot be read: No such file or directory",
        "../talk.txt must be the name of a file in the folder",
        "short.txt: The learner says 3 words",
        "both.txt: Nothing in this transcript says which speaker is the learner.",
    )
    found = problems(folder)
    assert [problem[: len(start)] for problem, start in zip(found, told, strict=True)] == list(told)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (None, "has no labels: neither labels.json nor *.labels.json"),
        ("{}", "must hold a list of labels"),
        ("[", "is not JSON"),
        ("", "is empty"),
    ],
)
def test_a_folder_without_readable_labels_is_refused(
    tmp_path: Path, labels: str | None, problem: str
) -> None:
    if labels is not None:
        (tmp_path / "labels.json").write_text(labels)
    (told,) = problems(tmp_path)
    assert problem in told


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == [f"{tmp_path}/nowhere is no folder"]
