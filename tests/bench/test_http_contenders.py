"""Contenders that cannot be started are left out with a word on how to get them."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from bench import http_contenders


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of programs, in front of those of the system that a script needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_without_node_express_is_left_out(programs: Path) -> None:
    assert http_contenders.missing_for_express() == "no node or no npm on the PATH"


def test_packages_are_installed_once_outside_of_the_sources(programs: Path, tmp_path: Path) -> None:
    program(programs, "node", ":")
    program(programs, "npm", "/bin/mkdir node_modules && echo . >> calls")

    assert [http_contenders.missing_for_express() for _ in range(2)] == ["", ""]

    folder = tmp_path / ".cara" / "bench-node"
    assert (folder / "calls").read_text() == ".\n"
    assert (folder / "package.json").read_text() == (http_contenders.PEERS / "package.json").read_text()


def test_a_failed_installation_is_told_and_tried_again(programs: Path, tmp_path: Path) -> None:
    program(programs, "node", ":")
    program(programs, "npm", "/bin/mkdir node_modules; echo . >> calls; exit 1")

    for _ in range(2):
        assert http_contenders.missing_for_express() == "npm install failed in .cara/bench-node"

    assert (tmp_path / ".cara/bench-node/calls").read_text() == ".\n.\n"


def test_without_the_extra_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sqlmodel" else name)

    assert http_contenders.missing_for_fastapi() == "no sqlmodel: pip install -e '.[embedded,bench]'"


def test_only_what_starts_in_the_block_is_pinned() -> None:
    before = os.sched_getaffinity(0)

    with http_contenders.on_cores(sorted(before)[:1]):
        assert os.sched_getaffinity(0) == {min(before)}

    assert os.sched_getaffinity(0) == before
