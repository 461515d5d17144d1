"""The commands of `cara` that operators use on accounts: administrators, sign-outs and quotas.

What is shown and asked goes to stderr, where it is seen although stdout goes elsewhere. Without a terminal
no command asks anything.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cara.cli_support import cli_errors, confirm, exit_with, is_terminal, load_settings_or_running_dev

if TYPE_CHECKING:
    from cara.accounts.administration import Account

app = typer.Typer()

UNCHANGED = "nothing was changed"

Email = Annotated[str, typer.Argument(help="Email of the account.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]


@app.command("create-admin")
def create_admin(
    email: Annotated[str, typer.Argument(help="Email of the account, which may be new.")], yes: Yes = False
) -> None:
    """Make an account an administrator; for a new one, reads the password from a prompt or stdin."""
    from cara.accounts import administration

    settings = load_settings_or_running_dev()
    with cli_errors():
        account = asyncio.run(administration.find_account(settings, email))
        if account is None:
            email = administration.valid_email(email)
            typer.echo(f"There is no account {email}: it is created.", err=True)
            asyncio.run(administration.create_admin(settings, email, _new_password()))
            typer.echo(f"{email} is an administrator now and can sign in")
            return
        _show(account)
        if account.is_admin:
            typer.echo(f"{account.email} is an administrator already")
            return
        confirm("Make this account an administrator?", yes=yes, otherwise=UNCHANGED)
        asyncio.run(administration.set_admin(settings, account.id, is_admin=True))
    typer.echo(f"{account.email} is an administrator now")


@app.command("remove-admin")
def remove_admin(email: Email, yes: Yes = False) -> None:
    """Make an administrator a learner like any other, from the next request on."""
    from cara.accounts import administration

    settings = load_settings_or_running_dev()
    with cli_errors():
        account = asyncio.run(administration.find_account(settings, email))
        if account is None:
            raise administration.AccountNotFound
        _show(account)
        if not account.is_admin:
            typer.echo(f"{account.email} is no administrator")
            return
        warning = "There is no other administrator. " if account.is_last_admin else ""
        confirm(f"{warning}Remove the administrator rights of this account?", yes=yes, otherwise=UNCHANGED)
        asyncio.run(administration.set_admin(settings, account.id, is_admin=False))
    typer.echo(f"{account.email} is no administrator any more" + ("; nobody is" if warning else ""))


@app.command("sign-out")
def sign_out(email: Email) -> None:
    """Sign a learner out everywhere: every token, ticket and event stream of theirs ends."""
    from cara.accounts import administration

    settings = load_settings_or_running_dev()
    with cli_errors():
        account = asyncio.run(administration.sign_out(settings, email))
    typer.echo(f"{account.email} is signed out everywhere")


@app.command("set-quota")
def set_quota(
    email: Email,
    tokens: Annotated[
        int | None,
        typer.Argument(min=0, max=2**31 - 1, help="Tokens a day; if left out, DAILY_TOKEN_QUOTA applies."),
    ] = None,
) -> None:
    """Set a daily token quota for one learner, or reset it to DAILY_TOKEN_QUOTA."""
    from cara.accounts import administration

    settings = load_settings_or_running_dev()
    with cli_errors():
        asyncio.run(administration.set_daily_quota(settings, email, tokens))
    typer.echo(f"{email} may use " + ("the usual quota" if tokens is None else f"{tokens:,} tokens a day"))


def _show(account: Account) -> None:
    facts = {
        "id": str(account.id),
        "email": account.email,
        "name": account.name,
        "registered": f"{account.created_at:%Y-%m-%d %H:%M} UTC",
        "administrator": "yes" if account.is_admin else "no",
    }
    for label, fact in facts.items():
        typer.echo(f"{label:<15}{_visible(fact)}", err=True)


def _visible(text: str) -> str:
    """Returns the text with escapes for what could redraw the terminal: learners choose their names."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _new_password() -> str:
    """Returns the password, typed twice at a terminal or else read from the first line of stdin.

    Raises:
        typer.Exit: the line is not UTF-8, whatever the locale is: requests could never hold that password.
    """
    if is_terminal(sys.stdin):
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.buffer.readline() if sys.stdin else b""
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise exit_with("the password on stdin is not UTF-8") from None
