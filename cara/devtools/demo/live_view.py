"""A live view of a feedback job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cara.devtools.demo.learner import FINAL, JobEvent

SHOWN_CHARACTERS = 240
"""The end of the growing text that is shown."""


class LiveView:
    """A progress bar above the growing text; where the output is no terminal, a line for each stage."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(40),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID = self._bar.add_task("queued", total=100)
        self._text = ""
        self._printed: set[str] = set()
        self._live = Live(console=console, refresh_per_second=20, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.update(self._bar, refresh=True)
            self._live.__exit__(kind, error, trace)

    def show(self, event: JobEvent) -> None:
        """Updates the view with one event."""
        data = event.data
        if event.name == "progress":
            self._reach(data["stage"], data["progress"])
        elif event.name == "status" and data["status"] == "queued":
            self._text = ""
            self._reach("queued", 0)
        elif event.name == "partial":
            self._text += data["text"]
        elif event.name in FINAL:
            self._reach(event.name, 100)
        if self._console.is_terminal:
            writing = Text("  " + self._text[-SHOWN_CHARACTERS:].replace("\n", " "), style="dim")
            self._live.update(Group(self._bar, writing))

    def _reach(self, stage: str, percent: int) -> None:
        self._bar.update(self._task, description=stage, completed=percent)
        if not self._console.is_terminal and stage not in self._printed:
            self._printed.add(stage)
            self._console.print(f"  {stage} {percent} %")


async def show_events(events: AsyncIterator[JobEvent], console: Console) -> dict[str, Any]:
    """Shows the events as they arrive; returns the job in the final one."""
    with LiveView(console) as view:
        async for event in events:
            view.show(event)
            if event.name in FINAL:
                return dict(event.data)
    raise AssertionError("the events of a job end with a final one")
