"""Folding and rebuilding from the command line, with a progress bar."""

from __future__ import annotations

import asyncio
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cara.analytics import rebuild, rollups
from cara.postgres.applied_migrations import up_to_date_database
from cara.settings import Settings

FOLD_SECONDS = 24 * 3_600.0


def fold_rollups(settings: Settings) -> None:
    """Folds everything that is pending.

    Raises:
        DatabaseAway, DatabaseBehind: as `up_to_date_database`.
    """
    folded = asyncio.run(_fold(settings))
    Console().print(f"folded {folded} rows" if folded else "the roll-ups are up to date")


def rebuild_rollups(settings: Settings, from_day: date | None, to_day: date | None) -> None:
    """Rebuilds the days (UTC, both included).

    Raises:
        DaysReversed, DaysPastRetention, RollupsBusy: as `cara.analytics.rebuild.rebuild`.
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
    settings: Settings, from_day: date | None, to_day: date | None, on_progress: rebuild.Progress
) -> rebuild.RebuiltDays:
    async with up_to_date_database(settings) as database:
        return await rebuild.rebuild(database, from_day, to_day, on_progress)


def _span(rebuilt: rebuild.RebuiltDays) -> str:
    begin = f"from {rebuilt.from_day}" if rebuilt.from_day else "from the first day"
    return f"{begin} to {rebuilt.to_day}" if rebuilt.to_day else f"{begin} on"
