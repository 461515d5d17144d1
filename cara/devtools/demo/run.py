"""Runs the demo: a learner on a temporary Cara."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from rich.console import Console

from cara.devtools.demo.learner import Learner, RequestRefused
from cara.devtools.demo.live_view import show_events
from cara.devtools.demo.output import show_comparison, show_feedback, show_progress, show_talk
from cara.devtools.demo.talks import Talk
from cara.devtools.dev import LocalCara, local_cara, refuse_production, start_processes
from cara.devtools.servers.local_server import tail
from cara.devtools.servers.ports import free_port
from cara.devtools.servers.supervisor import Supervisor
from cara.local_settings import LocalSettings

TALK_SECONDS = 300.0
"""More than all attempts of a job can take."""

ISOLATED_SETTINGS = {"host": "127.0.0.1", "database_url": None, "redis_url": None, "jwt_secret": None}
INTERRUPTED = 130
LOG_LINES = 60
"""Printed from the log of the processes after a failure."""


class DemoFailed(Exception):
    """The job failed, or its feedback is wrong."""


def run(local: LocalSettings, talks: Sequence[Talk]) -> int:
    """Prints feedback on the talks, and leaves nothing behind; returns the exit code.

    It always uses servers, ports and data of its own; only Gemini is the one that the settings name.

    Raises:
        LocalServerError: the servers cannot start.
    """
    refuse_production(local.environment)
    own = local.model_copy(update={**ISOLATED_SETTINGS, "metrics_port": 0 if local.metrics_port else None})
    console = Console(highlight=False)
    _introduce(console, own)
    with temporary_folder() as folder, local_cara(own, folder, free_port(), durable=False) as here:
        log = folder / "processes.log"
        try:
            code = asyncio.run(_with_processes(here, log, talks, console))
        except (RequestRefused, DemoFailed, ClientError, TimeoutError) as error:
            sys.stderr.write(
                f"{tail(log, LOG_LINES)}\ncara: {error or 'the demo failed: no feedback in time'}\n"
            )
            return 1
        if code not in (0, INTERRUPTED):
            sys.stderr.write(f"{tail(log, LOG_LINES)}\n")
        return code


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yields a folder that is removed with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="cara-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _introduce(console: Console, local: LocalSettings) -> None:
    if local.gemini_api_key is None and local.gemini_base_url is None:
        console.print(
            "Starting PostgreSQL, Valkey, a worker, the web process and a local emulator of Gemini. Without "
            "GEMINI_API_KEY, advice is composed by rules from the transcript and its measures."
        )
    else:
        judge = local.gemini_base_url or "Gemini"
        console.print(f"Starting PostgreSQL, Valkey, a worker and the web process; {judge} judges.")


async def _with_processes(here: LocalCara, log: Path, talks: Sequence[Talk], console: Console) -> int:
    """Runs the talks until they, a signal or the end of a process end it; returns the exit code."""
    with log.open("w") as lines:
        async with Supervisor(lines) as supervisor:
            if not await start_processes(supervisor, here):
                return await supervisor.run_until_stopped() or INTERRUPTED
            stopped = asyncio.create_task(supervisor.run_until_stopped())
            talking = asyncio.create_task(_run_talks(here.url, talks, console))
            try:
                await asyncio.wait([stopped, talking], return_when=asyncio.FIRST_COMPLETED)
                if supervisor.over:
                    return await stopped or INTERRUPTED
                talking.result()
                return 0
            finally:
                stopped.cancel()
                talking.cancel()
                await asyncio.wait([stopped, talking])


async def _run_talks(url: str, talks: Sequence[Talk], console: Console) -> None:
    # A stream is silent between heartbeats, so only the talk as a whole has a timeout.
    async with ClientSession(url, timeout=ClientTimeout(total=None, sock_read=60)) as http:
        learner = await Learner.register(http)
        results: list[tuple[Talk, dict[str, Any]]] = []
        for talk in talks:
            async with asyncio.timeout(TALK_SECONDS):
                results.append((talk, await _run_talk(learner, talk, console)))
        if len(results) > 1:
            show_comparison(console, results)
    console.print("\nTo try it yourself: `make dev`, or `cara dev`, then open the console that it names.")


async def _run_talk(learner: Learner, talk: Talk, console: Console) -> dict[str, Any]:
    """Gets and prints feedback on one talk.

    Raises:
        DemoFailed: the job failed, or a quote is not in the transcript.
    """
    show_talk(console, talk)
    session_id = await learner.open_session(talk)
    accepted = await learner.request_feedback(session_id, talk)
    job = await show_events(learner.job_events(accepted), console)
    if job["status"] != "succeeded":
        raise DemoFailed(
            f"the job {job['status']}: {(job['problem'] or {}).get('detail', 'no reason given')}"
        )
    feedback: dict[str, Any] = job["feedback"]
    verify_quotes(feedback, (await learner.session(session_id))["transcript"])
    show_feedback(console, feedback)
    show_progress(console, await learner.quota(), await learner.profile())
    return feedback


def verify_quotes(feedback: dict[str, Any], transcript: str) -> None:
    """Raises DemoFailed unless there are quotes, with the letters that stand at their offsets.

    Between its words a transcript may have more, such as the times of a cue.
    """
    if not feedback["highlights"]:
        raise DemoFailed("the feedback quotes no passage")
    for highlight in feedback["highlights"]:
        passage = iter(transcript[highlight["start"] : highlight["end"]])
        if not all(letter in passage for letter in highlight["quote"] if letter.isalnum()):
            raise DemoFailed(f"this quote is not in the transcript: {highlight['quote']}")
