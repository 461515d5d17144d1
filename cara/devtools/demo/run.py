"""The demonstration itself: a learner on a Cara that lives as long as it takes."""

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

from cara.devtools.demo.learner import Learner, Refused
from cara.devtools.demo.live_view import follow
from cara.devtools.demo.output import show_comparison, show_feedback, show_standing, show_talk
from cara.devtools.demo.talks import Talk
from cara.devtools.dev import LocalCara, local_cara, refuse_production, start_processes
from cara.devtools.servers.ports import free_port
from cara.devtools.servers.process import tail
from cara.devtools.servers.supervisor import Supervisor
from cara.local_settings import LocalSettings

TALK_SECONDS = 300.0
"""Longer than all attempts at one talk can take, so that nothing waits for ever."""

OF_ITS_OWN = {"host": "127.0.0.1", "database_url": None, "redis_url": None, "jwt_secret": None}
INTERRUPTED = 130
SHOWN_LINES = 60
"""Of what the processes said, when something went wrong."""


class Disappointed(Exception):
    """The feedback did not come, or is not what was promised."""


def run(local: LocalSettings, talks: Sequence[Talk]) -> int:
    """Gives the talks, prints what comes of them, and leaves nothing behind; returns the exit code.

    Servers, ports and data are its own, whatever is set; only Gemini is the one that the settings name.
    Raises LocalServerError when the servers cannot be started.
    """
    refuse_production(local.environment)
    own = local.model_copy(update={**OF_ITS_OWN, "metrics_port": 0 if local.metrics_port else None})
    console = Console(highlight=False)
    with temporary_folder() as folder, local_cara(own, folder, free_port(), durable=False) as here:
        _introduce(console, here)
        log = folder / "processes.log"
        try:
            code = asyncio.run(_with_processes(here, log, talks, console))
        except (Refused, Disappointed, ClientError, TimeoutError) as error:
            sys.stderr.write(
                f"{tail(log, SHOWN_LINES)}\ncara: {error or 'the feedback did not come in time'}\n"
            )
            return 1
        if code not in (0, INTERRUPTED):
            sys.stderr.write(f"{tail(log, SHOWN_LINES)}\n")
        return code


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cara-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _introduce(console: Console, here: LocalCara) -> None:
    if here.emulator_port is None:
        judge = here.environment.get("GEMINI_BASE_URL", "Gemini")
        console.print(f"Starting PostgreSQL, Valkey, worker and web process; {judge} judges.")
    else:
        console.print(
            "Starting PostgreSQL, Valkey, worker, web process and a local emulator of Gemini: without "
            "GEMINI_API_KEY, judgements are put together from the transcript by rules."
        )


async def _with_processes(here: LocalCara, log: Path, talks: Sequence[Talk], console: Console) -> int:
    """Gives the talks unless a signal, or a process that ends, comes first; returns the exit code."""
    with log.open("w") as lines:
        async with Supervisor(lines) as supervisor:
            if not await start_processes(supervisor, here):
                return await supervisor.run_until_stopped() or INTERRUPTED
            stopped = asyncio.create_task(supervisor.run_until_stopped())
            giving = asyncio.create_task(_give_all(here.url, talks, console))
            try:
                await asyncio.wait([stopped, giving], return_when=asyncio.FIRST_COMPLETED)
                if supervisor.over:
                    return await stopped or INTERRUPTED
                giving.result()
                return 0
            finally:
                stopped.cancel()
                giving.cancel()
                await asyncio.wait([stopped, giving])


async def _give_all(url: str, talks: Sequence[Talk], console: Console) -> None:
    # A stream may be silent between heartbeats; each talk is bounded as a whole.
    async with ClientSession(url, timeout=ClientTimeout(total=None, sock_read=60)) as http:
        learner = await Learner.registers(http)
        results: list[tuple[Talk, dict[str, Any]]] = []
        for talk in talks:
            async with asyncio.timeout(TALK_SECONDS):
                results.append((talk, await _give(learner, talk, console)))
        if len(results) > 1:
            show_comparison(console, results)


async def _give(learner: Learner, talk: Talk, console: Console) -> dict[str, Any]:
    """Feedback on one talk, shown.

    Raises:
        Disappointed: the job failed, or a quote does not stand in the transcript.
    """
    show_talk(console, talk)
    session_id = await learner.opens_session(talk)
    job = await follow(learner.follows(await learner.asks_for_feedback(session_id, talk)), console)
    if job["status"] != "succeeded":
        raise Disappointed(
            f"the job {job['status']}: {(job['problem'] or {}).get('detail', 'nobody knows why')}"
        )
    feedback: dict[str, Any] = job["feedback"]
    ensure_quoted(feedback, (await learner.session(session_id))["transcript"])
    show_feedback(console, feedback)
    show_standing(console, await learner.quota(), await learner.profile())
    return feedback


def ensure_quoted(feedback: dict[str, Any], transcript: str) -> None:
    """Raises Disappointed unless there is a quote, and each stands in the transcript where it says."""
    if not feedback["highlights"]:
        raise Disappointed("not one passage was quoted")
    for highlight in feedback["highlights"]:
        if transcript[highlight["start"] : highlight["end"]] != highlight["quote"]:
            raise Disappointed(f"this is no quote from the transcript: {highlight['quote']}")
