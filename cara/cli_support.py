"""What the commands share: loading settings, and errors as one line each instead of a traceback."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from cara.local_settings import LocalSettings, read_local_settings
from cara.settings import Settings, UnsafeSettings, read_settings

USAGE_EXIT_CODE = 2
"""For invalid settings, and for a command that cannot start."""


def load_settings() -> Settings:
    """Returns the settings of the environment; exits with a list of problems if they are invalid."""
    try:
        return read_settings()
    except UnsafeSettings as error:
        raise exit_with(*error.problems) from None


def load_local_settings() -> LocalSettings:
    """Returns the settings of the local commands; exits in the same way."""
    try:
        return read_local_settings()
    except UnsafeSettings as error:
        raise exit_with(*error.problems) from None


def load_settings_or_running_dev() -> Settings:
    """Returns the settings; without DATABASE_URL, those of a `cara dev` that runs in this folder."""
    use_running_dev(load_local_settings())
    return load_settings()


def load_database_url() -> str:
    """Returns the URL of the database, from the same two places; other settings may be missing."""
    use_running_dev(load_local_settings())
    url = load_local_settings().database_url
    if url is None:
        raise exit_with("DATABASE_URL is missing")
    return url.get_secret_value()


def use_running_dev(local: LocalSettings) -> None:
    """Without DATABASE_URL, adds the environment of a `cara dev` that runs in this folder to ours."""
    from cara.devtools.servers.running_file import running_environment

    if local.database_url is None:
        for name, value in running_environment(local.cara_data_dir).items():
            os.environ.setdefault(name, value)


@contextmanager
def cli_errors() -> Iterator[None]:
    """Exits with one line for an error that the person at the terminal can fix."""
    from cara.devtools.demo.talks import UnusableTalk
    from cara.devtools.servers.local_server import LocalServerError
    from cara.errors import CaraError
    from cara.postgres.applied_migrations import DatabaseBehind
    from cara.postgres.errors import DatabaseTrouble
    from cara.postgres.migrations import MigrationFailed

    outages = logging.getLogger("cara.outages")
    outages.disabled = True  # the one line tells it
    try:
        yield
    except DatabaseTrouble as error:
        raise exit_with(f"the database cannot be used: {error.__cause__ or error}") from None
    except UnsafeSettings as error:
        raise exit_with(*error.problems) from None
    except (CaraError, DatabaseBehind, LocalServerError, MigrationFailed, UnusableTalk) as error:
        raise exit_with(str(error)) from None
    finally:
        outages.disabled = False


def exit_with(*problems: str) -> typer.Exit:
    """Prints the problems; returns the exception to raise."""
    for problem in problems:
        typer.secho(f"cara: {problem}", fg="red", err=True)
    return typer.Exit(USAGE_EXIT_CODE)


def confirm(question: str, *, yes: bool, otherwise: str) -> None:
    """Returns if the answer is yes; `otherwise` says what has not been done.

    Raises:
        typer.Exit: the answer is no (1), or there is no terminal to ask at (2).
    """
    if yes:
        return
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise exit_with(f"there is no terminal to ask at: {otherwise}; with --yes nothing is asked")
    # typer.confirm writes a part of its prompt to stdout.
    typer.echo(f"{question} [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        typer.echo(otherwise, err=True)
        raise typer.Exit(1)


def is_terminal(stream: TextIO | None) -> bool:
    """A stream that the shell has closed is None."""
    return stream is not None and stream.isatty()
