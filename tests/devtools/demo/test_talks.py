"""The talks of a demo: which speaker of a file is the learner."""

from __future__ import annotations

from pathlib import Path

import pytest

from cara.devtools.demo.talks import UnusableTalk, talk_from_file

INTERVIEW = "Ann Lee: I moved the payments first.\r\nBob Ray: Why?\r\nAnn Lee: <b>They</b> failed most.\r\n"


@pytest.fixture
def interview(tmp_path: Path) -> Path:
    path = tmp_path / "interview.txt"
    path.write_bytes(INTERVIEW.encode())
    return path


def test_a_file_is_sent_as_it_is_with_the_label_of_the_learner(interview: Path) -> None:
    talk = talk_from_file(interview, None, "conversation", "ann lee")
    assert (talk.transcript, talk.learner_label) == (INTERVIEW, "ann lee")


@pytest.mark.parametrize(
    ("label", "problem"),
    [(None, "--learner says which of them you are"), ("Carl", "Carl is none of them")],
)
def test_an_unknown_learner_is_asked_for_with_the_speakers(
    interview: Path, label: str | None, problem: str
) -> None:
    with pytest.raises(UnusableTalk, match=f"has these speakers: Ann Lee, Bob Ray; {problem}"):
        talk_from_file(interview, None, "conversation", label)


def test_a_monologue_needs_no_label(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("We moved the payments first.")
    assert talk_from_file(path, 95, "video").learner_label is None
