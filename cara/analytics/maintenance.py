"""Folding and rebuilding from the command line, with something to look at."""

from __future__ import annotations

import asyncio
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cara.analytics import rebuilding, rollups
from cara.postgres.migrations import up_to_date_database
from cara.settings import Settings

FOLD_SECONDS = 24 * 3_600.0


def fold(settings: Settings) -> None:
    """Folds everything that is pending.

    Raises DatabaseAway or DatabaseBehind.
    """
    taken = asyncio.run(_fold(settings))
    Console().print(f"folded {taken} rows" if taken else "the roll-ups are up to date")


def rebuild(settings: Settings, from_day: date | None, to_day: date | None) -> None:
    """Rebuilds the days (UTC, both included).

    Raises:
        DaysReversed, DaysForgotten, RollupsBusy: as `rebuilding.rebuild`.
        DatabaseAway, DatabaseBehind: as `up_to_date_database`.
    """
    percentage = TextColumn("{task.percentage:>3.0f} %")
    with Progress(TextColumn("{task.description}"), BarColumn(), percentage, TimeElapsedColumn()) as bar:
        task = bar.add_task("rebuilding")
        rebuilt = asyncio.run(
            _rebuild(settings, from_day, to_day, lambda done, of: bar.update(task, completed=done, total=of))
        )
    Console().print(f"rebuilt {_span(rebuilt)}")


async def _fold(settings: Settings) -> int:
    async with up_to_date_database(settings) as database:
        return await rollups.fold(database, seconds=FOLD_SECONDS)


async def _rebuild(
    settings: Settings, from_day: date | None, to_day: date | None, on_progress: rebuilding.Progress
) -> rebuilding.RebuiltDays:
    async with up_to_date_database(settings) as database:
        return await rebuilding.rebuild(database, from_day, to_day, on_progress)


def _span(rebuilt: rebuilding.RebuiltDays) -> str:
    begin = f"from {rebuilt.from_day}" if rebuilt.from_day else "from the first day"
    return f"{begin} to {rebuilt.to_day}" if rebuilt.to_day else f"{begin} on"
