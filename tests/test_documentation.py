"""What README.md and docs/ name in backticks, in links and in commands exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cara
from bench.outages import SCENARIOS
from tests.clients import readme

REPOSITORY = Path(cara.__file__).parents[1]
DOCUMENTS = sorted(
    str(path.relative_to(REPOSITORY))
    for path in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"))
)
FOLDERS = ("bench", "cara", "docs", "migrations", "tests", "worker")
TO_BE_CREATED = {"mail/", "recordings/"}
"""Rooms that docs/architecture.md proposes for features to come."""

NAMED = re.compile(r"`(\w[\w.-]*(?:/[\w.-]+)*/?)`")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[\w-]*)?\)")
RUN = re.compile(r"python -m ((?:bench|cara|tests|worker)[\w.]*)")


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text()


def is_path(name: str) -> bool:
    """Returns whether the name is that of a file or folder of Cara, rather than of anything else."""
    first, slash, _ = name.partition("/")
    if slash:
        return (
            first in FOLDERS
            or name.endswith(("/", ".py", ".md", ".sql"))
            or (REPOSITORY / "cara" / first).is_dir()
        )
    return name.endswith((".py", ".md", ".sql"))


def exists(name: str) -> bool:
    """Returns whether there is such a path, from the repository or `cara`, or a file or folder so named."""
    if any((folder / name).exists() for folder in (REPOSITORY, REPOSITORY / "cara")):
        return True
    name = name.rstrip("/")
    return "/" not in name and any(any((REPOSITORY / folder).rglob(name)) for folder in FOLDERS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_backticks_exists(document: str) -> None:
    named = {name for name in NAMED.findall(text_of(document)) if is_path(name)}
    assert {name for name in named - TO_BE_CREATED if not exists(name)} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_leads_somewhere(document: str) -> None:
    linked = set(LINKED.findall(text_of(document)))
    folder = (REPOSITORY / document).parent
    assert {name for name in linked if not (folder / name).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_is_run_exists(document: str) -> None:
    modules = {name.replace(".", "/") for name in RUN.findall(text_of(document))}
    missing = {
        name
        for name in modules
        if not (REPOSITORY / f"{name}.py").exists() and not (REPOSITORY / name / "__main__.py").exists()
    }
    assert missing == set()


def test_the_pattern_finds_paths_and_no_other_names() -> None:
    named = set(NAMED.findall(text_of("docs/architecture.md")))
    assert {"cara/web/", "jobs/transitions.py", "queries.py", "worker/tasks.py"} <= set(
        filter(is_path, named)
    )
    assert not is_path("application/json")
    assert not exists("cara/nowhere.py")


def test_every_outage_that_is_measured_has_a_row() -> None:
    rows = re.findall(r"(?m)^\| ([A-Z][\w -]+) \|", text_of("docs/operations.md"))
    assert [scenario.name for scenario in SCENARIOS] == rows


def test_the_readme_has_a_command_and_a_program_for_each_generator_of_clients() -> None:
    assert [" ".join(command[:2]) for command in readme.commands()] == [
        "npx openapi-typescript",
        "npx openapi-ts",
        "openapi-python-client generate",
    ]
    programs = {"with-openapi-fetch.ts", "openapi-ts.config.mjs", "with-hey-api.ts", "with_python.py"}
    assert set(readme.files()) == programs
