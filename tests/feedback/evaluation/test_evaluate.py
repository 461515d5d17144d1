"""`cara evaluate`, as it is typed at a terminal, against an emulator over HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cara.cli import app
from cara.devtools.emulator.faults import Deviation, Fault, PlannedFault
from tests.conftest import RunningEmulator
from tests.devtools.cli.terminal import environment
from tests.learners import TALK
from tests.waiting import time_limit

PLAIN, PROBED = 4, 2 * 7 + 3
"""Judgements of two talks as they are; of one under seven attacks, with neutral words, and three noises."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    talks = {"first.txt": TALK, "second.txt": f"Um, so, like, {TALK} I guess, you know, that is, um, it."}
    for name, text in talks.items():
        (tmp_path / name).write_text(text)
    labels = [
        {"file": name, "featureType": "video", "durationSeconds": 12, "scores": {"overall": 80}}
        for name in talks
    ]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


async def evaluated(*arguments: object, **settings: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command, which has an event loop of its own, hence the thread."""
    runner = CliRunner(env={"CARA_ENV": "test", **settings})
    result = await asyncio.to_thread(runner.invoke, app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


async def test_talks_are_compared_with_labels_with_themselves_and_under_attacks_and_noise(
    folder: Path, emulator: RunningEmulator
) -> None:
    code, out, err = await evaluated(
        *(folder, "--times", 2, "--probes", 1, "--json", "--out", folder / "report.json"),
        GEMINI_BASE_URL=emulator.url,
    )
    assert code == 0, err
    report = json.loads(out)
    assert report == json.loads((folder / "report.json").read_text())
    assert report["judgements"] == emulator.emulator.ledger.billed == PLAIN + PROBED
    assert report["tokens"] == emulator.emulator.ledger.total_tokens
    assert report["model"].startswith("cara-emulator/")
    judged = [talk["scores"]["overall"] for talk in report["talks"]]
    difference = sum(abs(score - 80) for score in judged) / 2
    agreement = {"talks": 2, "spearman": None, "meanAbsoluteDifference": difference}
    assert report["agreement"] == {"overall": agreement}
    assert report["spread"]["overall"] == {"talks": 2, "pooled": 0, "largest": 0}, (
        "the emulator is consistent"
    )
    assert report["quotes"]["given"] == report["quotes"]["true"] > PLAIN + PROBED
    assert len(report["attacks"]) == 7
    for attack in report["attacks"]:
        shifts = attack["measured"].values()
        assert {(shift["largest"], shift["lost"]) for shift in shifts} <= {(0, 0), (None, 0)}
        assert attack["measured"]["words"]["talks"] == 2
        assert attack["scores"]["overall"]["talks"] == 1
    noise = {noise["name"]: noise["measured"]["words"]["largest"] for noise in report["noise"]}
    assert noise["recognizer errors"] != noise["lower case"] == noise["no punctuation"] == 0


async def test_a_failed_judgement_is_told_and_ends_nothing(folder: Path, emulator: RunningEmulator) -> None:
    emulator.emulator.fail_next(Fault.BLOCKED_ANSWER)
    emulator.emulator.fail_next(Deviation.UNGROUNDED)
    code, out, err = await evaluated(
        folder, "--times", 1, "--probes", 0, "--at-once", 1, GEMINI_BASE_URL=emulator.url
    )
    assert code == 0, err
    assert "first.txt: Gemini declined to answer this" in out
    assert "0 of 4 (0.0%) stand in the learner's words" in out
    assert out.startswith("cara-emulator/gemini-3.8-flash judged 2 talks once")


async def test_a_model_that_never_answers_is_given_up(folder: Path, emulator: RunningEmulator) -> None:
    emulator.emulator.fail_rate(Fault.BLOCKED_ANSWER, 1.0)
    arguments = ("--times", 9, "--probes", 0, "--at-once", 1)
    code, out, _ = await evaluated(folder, *arguments, GEMINI_BASE_URL=emulator.url)
    assert code == 1
    assert "given up then: 8 more" in out
    assert emulator.emulator.ledger.calls == 10


async def test_an_unknown_model_ends_it_at_once(folder: Path, emulator: RunningEmulator) -> None:
    code, out, err = await evaluated(folder, "--model", "other", GEMINI_BASE_URL=emulator.url)
    assert (code, out) == (1, "")
    assert "other cannot be used: 404 NOT_FOUND" in err


async def test_nothing_is_spent_before_folder_key_and_permission_are_there(
    folder: Path, emulator: RunningEmulator
) -> None:
    key = {"GEMINI_BASE_URL": emulator.url, "GEMINI_API_KEY": "AIza-of-somebody"}
    code, out, err = await evaluated(folder, **key)
    assert (code, out) == (2, "")
    assert "there is no terminal to ask at: nothing was judged" in err
    assert (await evaluated(folder, CARA_ENV="production"))[::2] == (2, "cara: GEMINI_API_KEY is missing\n")
    code, _, err = await evaluated(folder, "--out", folder / "no" / "report.json", **key)
    assert (code, err) == (2, f"cara: {folder}/no/report.json cannot be written\n")
    code, _, err = await evaluated(folder, "--out", folder / "labels.json", **key)
    assert (code, err) == (
        2,
        f"cara: {folder}/labels.json is a file of the labeled talks: it is not overwritten\n",
    )
    (folder / "second.txt").unlink()
    code, _, err = await evaluated(folder, "--yes", **key)
    assert (code, err) == (2, f"cara: {folder}/second.txt cannot be read: No such file or directory\n")
    assert emulator.emulator.ledger.calls == 0
    (folder / "second.txt").write_text(TALK)
    assert (await evaluated(folder, "--yes", "--times", 1, "--probes", 0, **key))[0] == 0
    assert emulator.emulator.ledger.calls == 2


async def test_ctrl_c_ends_it_in_a_line(folder: Path, emulator: RunningEmulator) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM), times=2)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cara", "evaluate", str(folder), "--at-once", "2"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(GEMINI_BASE_URL=emulator.url),
    )
    try:
        await emulator.emulator.until(lambda ledger: ledger.in_flight == 2)
        process.send_signal(signal.SIGINT)
        async with time_limit():
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, out) == (130, b"")
    assert err.decode().splitlines()[-1].startswith("cara: interrupted after 0 judgements, 0 tokens")
    assert b"Traceback" not in err
    await emulator.emulator.until(lambda ledger: ledger.in_flight == 0)
