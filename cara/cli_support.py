"""What the commands share: settings, and errors that are told in a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cara.local_settings import LocalSettings, read_local_settings
from cara.settings import Settings, UnsafeSettings, read_settings

MISUSED = 2
"""Exit code for wrong settings and for what cannot even begin."""


def settings() -> Settings:
    """The settings; ends the command with all that is wrong with them."""
    try:
        return read_settings()
    except UnsafeSettings as error:
        raise failed(*error.problems) from None


def local_settings() -> LocalSettings:
    """What is set on this machine, in the same way."""
    try:
        return read_local_settings()
    except UnsafeSettings as error:
        raise failed(*error.problems) from None


def settings_here() -> Settings:
    """The settings; without DATABASE_URL those of the `cara dev` that runs here, if one does."""
    borrow_environment(local_settings())
    return settings()


def database_url() -> str:
    """All that migrating needs to know, from the same places."""
    borrow_environment(local_settings())
    url = local_settings().database_url
    if url is None:
        raise failed("DATABASE_URL is missing")
    return url.get_secret_value()


def borrow_environment(local: LocalSettings) -> None:
    """Without DATABASE_URL: lets this process reach the servers of the `cara dev` that runs here, if any."""
    from cara.devtools.servers.running import running_environment

    if local.database_url is None:
        for name, value in running_environment(local.cara_data_dir).items():
            os.environ.setdefault(name, value)


@contextmanager
def errors_in_a_line() -> Iterator[None]:
    """What a person at a terminal can do something about is told without a traceback."""
    from cara.devtools.demo.talks import UnusableTalk
    from cara.devtools.servers.errors import LocalServerError
    from cara.errors import CaraError
    from cara.postgres.database import DatabaseAway
    from cara.postgres.migrations import DatabaseBehind, MigrationFailed

    try:
        yield
    except DatabaseAway as error:
        raise failed(f"the database cannot be used: {error.__cause__ or error}") from None
    except (CaraError, DatabaseBehind, LocalServerError, MigrationFailed, UnusableTalk) as error:
        raise failed(str(error)) from None


def failed(*problems: str) -> typer.Exit:
    """Tells what is wrong; raise what it returns."""
    for problem in problems:
        typer.secho(f"cara: {problem}", fg="red", err=True)
    return typer.Exit(MISUSED)
