"""What `cara doctor` finds, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.table import Table
from rich.text import Text

Verdict = Literal["good", "warning", "bad"]
MARKS: dict[Verdict, tuple[str, str]] = {
    "good": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "bad": ("failed", "red"),
}


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    about: str
    verdict: Verdict
    sentence: str


def settings_table(values: dict[str, str]) -> Table:
    """Returns the settings by their variables."""
    table = Table(title="Settings", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in values.items():
        variable = "CARA_ENV" if name == "environment" else name.upper()
        table.add_row(variable, Text("not set", style="dim") if value == "None" else Text(value))
    return table


def findings_table(findings: list[Finding]) -> Table:
    """Returns the findings, each with its mark."""
    table = Table(title="\nChecks", title_justify="left", title_style="bold", box=None, show_header=False)
    for finding in findings:
        mark, style = MARKS[finding.verdict]
        table.add_row(Text(mark, style=style), finding.about, Text(finding.sentence))
    return table
