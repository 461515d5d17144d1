"""What the section of the README on typed clients has front-end developers write and run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

README_URL = "http://localhost:3001"

_README = Path(__file__).parents[2] / "README.md"
_SECTION = re.compile(r"(?ms)^### Typed clients$(.*?)^##+ ")
_BLOCK = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
_NAME = re.compile(r"(?://|#) (\S+)\n")
_GENERATORS = ("npx", "openapi-python-client")


def files() -> dict[str, str]:
    """Returns the files of the section by their names, which their first lines say."""
    return {name[1]: text for _, text in _blocks() if (name := _NAME.match(text))}


def commands() -> list[list[str]]:
    """Returns the commands that generate clients, without those that install what they need."""
    scripts = [text.replace("\\\n", "") for language, text in _blocks() if language == "bash"]
    lines = [line for script in scripts for line in script.splitlines() if line.startswith(_GENERATORS)]
    return [shlex.split(line) for line in lines]


def _blocks() -> list[tuple[str, str]]:
    section = _SECTION.search(_README.read_text())
    assert section
    return [(language, text) for language, text in _BLOCK.findall(section[1])]
