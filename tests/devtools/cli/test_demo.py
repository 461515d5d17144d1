"""`cara demo`: talks become feedback, and nothing is left behind."""

from __future__ import annotations

import io
import os
import re
import signal
from pathlib import Path

import pytest
from rich.console import Console

from cara.devtools.demo.learner import JobEvent
from cara.devtools.demo.live_view import LiveView
from cara.devtools.demo.run import DemoFailed, verify_quotes
from cara.samples import SAMPLES
from tests.devtools.cli.terminal import assert_all_end, cara_command, running
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder for temporary files of a demo; it must be empty afterwards."""
    folder = tmp_path / "t"
    folder.mkdir()
    return folder


def test_two_talks_get_feedback_of_their_own_and_nothing_is_left(tmp_path: Path, temporary: Path) -> None:
    shown = cara_command("demo", folder=tmp_path, TMPDIR=str(temporary), NO_COLOR="1")
    assert shown.returncode == 0, shown.stderr
    assert all(sample.title in shown.stdout for sample in SAMPLES[:2])
    scores = re.findall(r"^Score (\d+) of 100", shown.stdout, re.MULTILINE)
    assert len(scores) == 2
    assert scores[0] != scores[1]
    assert "33 fillers: um 9" in shown.stdout
    assert "Judged by cara-emulator/" in shown.stdout
    assert re.search(r"Tokens today [\d,]+ of 50,000.* XP, level 1, streak 1 day", shown.stdout)
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / ".cara").exists()


def test_a_talk_of_your_own_is_judged_without_touching_your_database(tmp_path: Path) -> None:
    talk = tmp_path / "talk.txt"
    talk.write_text("Um, thank you. I recommend that we hire two people. Sales rose by ten percent.")
    settings = {"DATABASE_URL": "postgresql://localhost:1/mine", "REDIS_URL": "redis://localhost:1"}
    options = ("--file", str(talk), "--seconds", "10", "--feature", "conversation")
    shown = cara_command("demo", *options, folder=tmp_path, **settings)
    assert shown.returncode == 0, shown.stderr
    assert "talk.txt (conversation, 10 s)" in shown.stdout


def test_a_signal_in_the_middle_leaves_no_process_and_no_file(tmp_path: Path, temporary: Path) -> None:
    with running("-m", "cara", "demo", "--all", folder=tmp_path, TMPDIR=str(temporary)) as demo:
        demo.until("The Gettysburg Address")
        children = demo.children()
        os.killpg(demo.process.pid, signal.SIGTERM)
        assert demo.process.wait(TIMEOUT_SECONDS) == 130
        assert_all_end(children)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b" \n\t", "is empty"),
        (b"\x89PNG\xff", "is not text in UTF-8"),
        (b"a" * 200_001, "has 200,001 characters; at most 200,000 are allowed"),
        (b"a" * 800_001, "is too large"),
    ],
)
def test_an_unusable_file_is_refused_at_once(tmp_path: Path, content: bytes | None, problem: str) -> None:
    talk = tmp_path / "talk.txt"
    if content is not None:
        talk.write_bytes(content)
    refused = cara_command("demo", "--file", "talk.txt", folder=tmp_path)
    assert refused.returncode == 2
    assert f"talk.txt {problem}" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("options", [("--learner", "Ann"), ("--file", "talk.txt", "--all")])
def test_options_without_effect_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    refused = cara_command("demo", *options, folder=tmp_path)
    assert refused.returncode == 2
    assert "of your own" in refused.stderr


@pytest.mark.parametrize("options", [("--sample", "nothing"), ("--file", "x", "--feature", "opera")])
def test_unknown_names_are_refused_with_the_known_ones(tmp_path: Path, options: tuple[str, ...]) -> None:
    refused = cara_command("demo", *options, folder=tmp_path)
    assert refused.returncode == 2
    assert "job_interview" in refused.stderr or "conversation" in refused.stderr


def test_a_quote_that_is_not_in_the_transcript_fails_the_demo() -> None:
    transcript = "We moved the payments first."
    invented = {"quote": "We moved the office", "start": 0, "end": 19}
    with pytest.raises(DemoFailed, match="We moved the office"):
        verify_quotes({"highlights": [invented]}, transcript)
    with pytest.raises(DemoFailed, match="quotes no passage"):
        verify_quotes({"highlights": []}, transcript)
    verify_quotes({"highlights": [{"quote": "the payments", "start": 9, "end": 21}]}, transcript)


def test_on_a_terminal_the_text_grows_under_the_bar() -> None:
    screen = io.StringIO()
    with LiveView(Console(file=screen, force_terminal=True, width=100)) as view:
        view.show(JobEvent("progress", {"stage": "asking", "progress": 15}, 1))
        view.show(JobEvent("partial", {"part": "summary", "text": "You spoke plainly."}, 2))
        view._live.refresh()
        view.show(JobEvent("succeeded", {}, 3))
    assert "You spoke plainly." in screen.getvalue()
    assert "100%" in screen.getvalue()
