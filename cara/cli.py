"""The `cara` command."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cara import cli_evaluate, cli_operators
from cara.cli_support import (
    cli_errors,
    load_database_url,
    load_local_settings,
    load_settings,
    load_settings_or_running_dev,
    use_running_dev,
)
from cara.settings import UnsafeSettings, read_settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The backend of an AI communication coach."
)
migrate_app = typer.Typer(no_args_is_help=True, help="Apply or roll back migrations of the database.")
app.add_typer(migrate_app, name="migrate")
app.add_typer(cli_operators.app)
app.add_typer(cli_evaluate.app)


@app.command()
def dev(
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart web and worker when a file changes.")
    ] = False,
) -> None:
    """Run PostgreSQL, Valkey, web process and worker on this machine, in one terminal."""
    from cara.devtools import dev

    with cli_errors():
        raise typer.Exit(dev.run(load_local_settings(), reload=reload))


@app.command()
def demo(
    sample: Annotated[
        list[str] | None, typer.Option(help="A sample talk by its name; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All sample talks.")] = False,
    file: Annotated[
        Path | None, typer.Option(help="A transcript of your own in any format that Cara reads, in UTF-8.")
    ] = None,
    learner: Annotated[
        str | None, typer.Option(help="Which of its speakers you are, as the file labels you.")
    ] = None,
    seconds: Annotated[int | None, typer.Option(min=1, max=86_400, help="Duration of your own talk.")] = None,
    feature: Annotated[
        str, typer.Option(help="Kind of your own talk: conversation, writing, accent, listening or video.")
    ] = "video",
) -> None:
    """Turn talks into feedback through every part of Cara; leaves no process and no data behind."""
    from cara.devtools.demo import run, talks

    with cli_errors():
        chosen = talks.chosen_talks(
            sample or [], every=every, file=file, seconds=seconds, feature=feature, learner=learner
        )
        raise typer.Exit(run.run(load_local_settings(), chosen))


@app.command()
def serve(
    workers: Annotated[int, typer.Option(min=1, help="Number of web processes on the port.")] = 1,
) -> None:
    """Run the web process."""
    from cara import server, web_processes

    if workers == 1:
        server.run_one(load_settings())
    else:
        raise typer.Exit(web_processes.run_many(load_settings(), workers))


@app.command()
def worker(
    check: Annotated[
        bool, typer.Option("--check", help="Only check whether a worker runs: exit code 0 or 1.")
    ] = False,
) -> None:
    """Run the worker process."""
    if check:
        from cara import doctor

        raise typer.Exit(doctor.check_worker(load_settings_or_running_dev()))
    os.execv(sys.executable, [sys.executable, "-P", "-m", "worker"])  # noqa: S606


@migrate_app.command("up")
def migrate_up() -> None:
    """Apply missing migrations; safe to run on several machines at once."""
    from cara.postgres import migrations

    with cli_errors():
        applied = migrations.migrate_up(load_database_url())
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the database is up to date")


@migrate_app.command("down")
def migrate_down(
    steps: Annotated[int, typer.Option(min=1, help="How many migrations to roll back.")] = 1,
) -> None:
    """Roll back the newest migrations, and lose the data that they added."""
    from cara.postgres import migrations

    with cli_errors():
        undone = migrations.migrate_down(load_database_url(), steps)
    typer.echo(f"rolled back: {', '.join(undone)}" if undone else "nothing to roll back")


@migrate_app.command("status")
def migrate_status() -> None:
    """Show which migrations are applied; exits 1 when one is missing."""
    from cara.postgres import migrations

    with cli_errors():
        status = migrations.migration_status(load_database_url())
    for name, applied in status:
        typer.echo(f"{'applied' if applied else 'missing'}  {name}")
    if not all(applied for _, applied in status):
        raise typer.Exit(1)


@app.command()
def seed(
    learners: Annotated[int, typer.Option(min=1, max=500, help="How many learners.")] = 5,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="Weeks of practice.")] = 6,
) -> None:
    """Add learners with weeks of practice to a development database."""
    from cara.devtools import seed

    with cli_errors():
        added = seed.run(load_settings_or_running_dev(), learners=learners, weeks=weeks)
    typer.echo(seed.format_result(added))


@app.command()
def rollup(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Recompute them from raw events and sessions.")
    ] = False,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day to rebuild, UTC.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day to rebuild, UTC.")
    ] = None,
) -> None:
    """Update the roll-ups of analytics, or rebuild them."""
    from cara.analytics import maintenance

    if not rebuild and (first or last):
        raise typer.BadParameter("--from and --to need --rebuild")
    settings = load_settings_or_running_dev()
    with cli_errors():
        if rebuild:
            maintenance.rebuild_rollups(
                settings, first.date() if first else None, last.date() if last else None
            )
        else:
            maintenance.fold_rollups(settings)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from cara.app import ROUTES
    from cara.web.openapi import OpenApiDocument

    sys.stdout.write(OpenApiDocument(ROUTES).json.decode() + "\n")


@app.command()
def doctor() -> None:
    """Show the effective settings and check everything that Cara depends on."""
    from cara import doctor

    local = load_local_settings()
    use_running_dev(local)
    try:
        raise typer.Exit(doctor.run(read_settings()))
    except UnsafeSettings as error:
        raise typer.Exit(doctor.print_problems(local, error.problems)) from None


def main() -> None:
    """Runs the command line."""
    app()
