"""The `cara` command."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cara.cli_support import (
    borrow_environment,
    database_url,
    errors_in_a_line,
    local_settings,
    settings,
    settings_here,
)
from cara.settings import UnsafeSettings, read_settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The backend of an AI communication coach."
)
migrate_app = typer.Typer(no_args_is_help=True, help="Bring the database up to date, or back.")
app.add_typer(migrate_app, name="migrate")


@app.command()
def dev(
    reload: Annotated[bool, typer.Option("--reload", help="Restart web and worker on a change.")] = False,
) -> None:
    """Run everything on this machine, in one terminal."""
    from cara.devtools import dev

    with errors_in_a_line():
        raise typer.Exit(dev.run(local_settings(), reload=reload))


@app.command()
def demo(
    sample: Annotated[
        list[str] | None, typer.Option(help="A talk that ships with Cara; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All talks that ship with Cara.")] = False,
    file: Annotated[Path | None, typer.Option(help="A transcript of your own, UTF-8 text.")] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, max=86_400, help="How long your own talk took.")
    ] = None,
    feature: Annotated[
        str, typer.Option(help="What your own talk is: conversation, writing, accent, listening or video.")
    ] = "video",
) -> None:
    """Turn talks into feedback, through every part of Cara, and leave nothing behind."""
    from cara.devtools.demo import run, talks

    with errors_in_a_line():
        chosen = talks.chosen_talks(sample or [], every=every, file=file, seconds=seconds, feature=feature)
        raise typer.Exit(run.run(local_settings(), chosen))


@app.command()
def serve(workers: Annotated[int, typer.Option(min=1, help="Web processes on the one port.")] = 1) -> None:
    """Run the web process."""
    from cara import server

    if workers == 1:
        server.run_one(settings())
    else:
        raise typer.Exit(server.run_many(settings(), workers))


@app.command()
def worker(
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether a worker was seen lately: exit code 0 or 1.")
    ] = False,
) -> None:
    """Run the worker process."""
    if check:
        from cara import doctor

        raise typer.Exit(doctor.check_worker(settings_here()))
    os.execv(sys.executable, [sys.executable, "-m", "worker"])  # noqa: S606


@migrate_app.command("up")
def migrate_up() -> None:
    """Apply what is missing; safe from several machines at once."""
    from cara.postgres import migrations

    with errors_in_a_line():
        applied = migrations.migrate_up(database_url())
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the database is up to date")


@migrate_app.command("down")
def migrate_down(steps: Annotated[int, typer.Option(min=1, help="How many to roll back.")] = 1) -> None:
    """Roll the newest migrations back. Their data goes."""
    from cara.postgres import migrations

    with errors_in_a_line():
        undone = migrations.migrate_down(database_url(), steps)
    typer.echo(f"rolled back: {', '.join(undone)}" if undone else "there was nothing to roll back")


@migrate_app.command("status")
def migrate_status() -> None:
    """Show which migrations are applied; exits 1 when one is missing."""
    from cara.postgres import migrations

    with errors_in_a_line():
        status = migrations.migration_status(database_url())
    for name, applied in status:
        typer.echo(f"{'applied' if applied else 'missing'}  {name}")
    if not all(applied for _, applied in status):
        raise typer.Exit(1)


@app.command()
def seed(
    learners: Annotated[int, typer.Option(min=1, max=500, help="How many learners.")] = 5,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="How far back their practice goes.")] = 6,
) -> None:
    """Fill a development database with learners who have practised for weeks."""
    from cara.devtools.seed import seed

    with errors_in_a_line():
        typer.echo(seed.told(seed.run(settings_here(), learners=learners, weeks=weeks)))


@app.command("create-admin")
def create_admin(email: Annotated[str, typer.Argument(help="Whose account it is, or is to be.")]) -> None:
    """Make an account an administrator's; a new one takes its password from prompt or stdin."""
    from cara.accounts.administration import create_admin_now

    with errors_in_a_line():
        created = create_admin_now(settings_here(), email, _new_password)
    typer.echo(f"{email} is an administrator now" + (" and can sign in" if created else ""))


@app.command("set-quota")
def set_quota(
    email: Annotated[str, typer.Argument(help="Whose account it is.")],
    tokens: Annotated[
        int | None,
        typer.Argument(min=0, max=2**31 - 1, help="Tokens a day; without, as DAILY_TOKEN_QUOTA says."),
    ] = None,
) -> None:
    """Give a learner a daily quota of tokens of their own, or the usual one again."""
    from cara.accounts.administration import set_daily_quota_now

    with errors_in_a_line():
        set_daily_quota_now(settings_here(), email, tokens)
    typer.echo(f"{email} may use " + ("the usual quota" if tokens is None else f"{tokens:,} tokens a day"))


@app.command()
def rollup(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Compute them again from raw events and sessions.")
    ] = False,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day to rebuild, UTC.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day to rebuild, UTC.")
    ] = None,
) -> None:
    """Bring the roll-ups of analytics up to date, or rebuild them."""
    from cara.analytics import maintenance

    if not rebuild and (first or last):
        raise typer.BadParameter("--from and --to go with --rebuild")
    settings = settings_here()
    with errors_in_a_line():
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

    local = local_settings()
    borrow_environment(local)
    try:
        raise typer.Exit(doctor.run(read_settings()))
    except UnsafeSettings as error:
        raise typer.Exit(doctor.tell_problems(local, error.problems)) from None


def _new_password() -> str:
    """Typed twice at a terminal, else the first line of stdin without its end."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def main() -> None:
    """Runs the command line."""
    app()
