"""`cara evaluate`: how well a model judges labeled talks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cara.cli_support import confirm, exit_with, load_local_settings
from cara.local_settings import LocalSettings

if TYPE_CHECKING:
    from cara.feedback.evaluation.run import Outcomes
    from cara.feedback.evaluation.variants import Variant
    from cara.gemini.client import GeminiClient

app = typer.Typer()

INTERRUPTED_EXIT_CODE = 130
_PLACEHOLDER = "emulator"


@app.command()
def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Transcripts with labels.json or *.labels.json; by default those of Cara."),
    ] = None,
    times: Annotated[int, typer.Option(min=1, max=100, help="How often each talk is judged.")] = 3,
    probes: Annotated[
        int, typer.Option(min=0, help="How many talks are also judged under attacks and noise.")
    ] = 3,
    model: Annotated[str | None, typer.Option(help="The model; by default GEMINI_MODEL.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="How many judgements at once.")] = 4,
    seed: Annotated[int, typer.Option(help="The seed of the recognizer errors.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file, too.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before tokens are spent.")] = False,
) -> None:
    """Judge labeled talks several times: agreement with the labels, spread, true quotes, attacks, noise."""
    from cara.feedback.evaluation.report import report_on
    from cara.feedback.evaluation.run import Outcomes
    from cara.feedback.evaluation.tables import format_report

    local = load_local_settings()
    if model is not None:
        local = local.model_copy(update={"gemini_model": model})
    _check_writable(out, folder)
    variants = _variants(folder, times, probes, seed)
    _introduce(local, variants, yes=yes)
    outcomes = Outcomes()
    code = _judge_variants(local, variants, outcomes, at_once)
    if outcomes.judged or outcomes.failed:
        report = report_on(variants, outcomes, times=times, seed=seed)
        written = report.model_dump_json(by_alias=True, indent=2)
        typer.echo(written if as_json else format_report(report))
        if out is not None:
            _write(out, written)
    raise typer.Exit(code)


def _write(out: Path, written: str) -> None:
    try:
        out.write_text(written + "\n", encoding="utf-8")
    except OSError as error:
        raise exit_with(f"{out} cannot be written: {error.strerror}") from None


def _variants(folder: Path | None, times: int, probes: int, seed: int) -> list[Variant]:
    from cara.feedback.evaluation.folder import UnusableFolder, read_folder, shipped_folder
    from cara.feedback.evaluation.variants import variants_of

    try:
        talks = read_folder(folder or shipped_folder())
    except UnusableFolder as error:
        raise exit_with(*error.problems) from None
    return variants_of(talks, times=times, probes=probes, seed=seed)


def _introduce(local: LocalSettings, variants: list[Variant], *, yes: bool) -> None:
    """Says who judges and what it will cost about; asks before it spends tokens of a key.

    Raises:
        typer.Exit: nobody wants to spend them, or production has no key.
    """
    from cara.feedback.evaluation.variants import estimate

    calls, tokens = sum(variant.times for variant in variants), estimate(variants, local.thinking_level)
    if _uses_emulator(local):
        if local.environment == "production":
            raise exit_with("GEMINI_API_KEY is missing")
        typer.echo(
            "Without GEMINI_API_KEY a local emulator judges, by rules: its scores say nothing.", err=True
        )
    where = f" at {local.gemini_base_url}" if local.gemini_base_url else ""
    judge = f"{local.gemini_model}{where}"
    typer.echo(
        f"{calls} judgements by {judge}: about {round(tokens, -3):,} tokens, and those of its thoughts",
        err=True,
    )
    if local.gemini_api_key is not None:
        confirm("Spend them?", yes=yes, otherwise="nothing was judged")


def _check_writable(out: Path | None, folder: Path | None) -> None:
    if out is not None and folder is not None and out.resolve().parent == folder.resolve() and out.exists():
        raise exit_with(f"{out} is a file of the labeled talks: it is not overwritten")
    if out is None or (out.parent.is_dir() and os.access(out.parent, os.W_OK) and not out.is_dir()):
        return
    raise exit_with(f"{out} cannot be written")


def _judge_variants(local: LocalSettings, variants: list[Variant], outcomes: Outcomes, at_once: int) -> int:
    """Adds the judgements to the outcomes, as far as the calls succeed; returns the exit code."""
    from cara.gemini.errors import GeminiMisconfigured

    try:
        asyncio.run(_judge(local, variants, outcomes, at_once))
    except GeminiMisconfigured as error:
        typer.secho(f"cara: {local.gemini_model} cannot be used: {error.cause}", fg="red", err=True)
        return 1
    except KeyboardInterrupt:
        spent = f"{len(outcomes.judged)} judgements, {outcomes.tokens:,} tokens"
        typer.echo(f"cara: interrupted after {spent}, without those that were under way", err=True)
        return INTERRUPTED_EXIT_CODE
    return 0 if outcomes.judged else 1


async def _judge(local: LocalSettings, variants: list[Variant], outcomes: Outcomes, at_once: int) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from cara.feedback.evaluation.run import judge_all

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        async with _gemini(local, at_once) as gemini:
            await judge_all(
                gemini, variants, outcomes, progress, at_once=at_once, thinking_level=local.thinking_level
            )


@asynccontextmanager
async def _gemini(local: LocalSettings, at_once: int) -> AsyncIterator[GeminiClient]:
    """Connects to the Gemini of the settings, or to an emulator that runs as long as the block."""
    from cara.devtools.emulator.server import EmulatorSettings, running_emulator
    from cara.feedback.evaluation.run import limits
    from cara.gemini.client import GeminiClient

    async with AsyncExitStack() as stack:
        url = local.gemini_base_url
        if _uses_emulator(local):
            quick = EmulatorSettings(chunk_delay_seconds=0, chunk_characters=4_000)
            url = (await stack.enter_async_context(running_emulator(quick))).url
        key = local.gemini_api_key.get_secret_value() if local.gemini_api_key else _PLACEHOLDER
        client = GeminiClient(api_key=key, model=local.gemini_model, base_url=url, limits=limits(at_once))
        stack.push_async_callback(client.close)
        yield client


def _uses_emulator(local: LocalSettings) -> bool:
    return local.gemini_api_key is None and local.gemini_base_url is None
