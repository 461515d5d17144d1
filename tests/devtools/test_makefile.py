"""What the targets of the Makefile install, without installing it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.devtools.cli.terminal import REPOSITORY
from tests.waiting import TIMEOUT_SECONDS

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def commands(target: str, venv: Path, uv: str = "") -> str:
    """What make would run for the target in a new virtual environment."""
    line = ["make", "--dry-run", target, f"VENV={venv}", f"UV={uv}"]
    made = subprocess.run(
        line, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS
    )
    return made.stdout


@pytest.mark.parametrize("target", ["demo", "dev", "doctor", "seed"])
def test_running_cara_installs_no_development_tools(tmp_path: Path, target: str) -> None:
    made = commands(target, tmp_path / "venv")
    assert "--editable '.[embedded]'" in made
    assert "175 MB" in made
    assert "dev]" not in made


@pytest.mark.parametrize("target", ["test", "lint", "coverage", "install"])
def test_tests_and_linters_install_everything_in_one_step(tmp_path: Path, target: str) -> None:
    made = commands(target, tmp_path / "venv")
    assert made.count("--editable") == 1
    assert "--editable '.[embedded,dev]'" in made


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    (tmp_path / ".runtime").touch()
    assert "--editable" not in commands("demo", tmp_path)


def test_uv_is_used_where_it_is_and_pip_otherwise(tmp_path: Path) -> None:
    with_uv = commands("demo", tmp_path, uv="/opt/uv")
    assert "/opt/uv venv" in with_uv
    assert "/opt/uv pip install" in with_uv
    with_pip = commands("demo", tmp_path)
    assert "-m venv" in with_pip
    assert "-m pip" in with_pip
    assert "/opt/uv" not in with_pip
