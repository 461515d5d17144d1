"""`cara dev`: every part of Cara on one machine and in one terminal, with nothing to install or to set."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cara
from cara.devtools.servers.embedded import embedded_postgres_server, embedded_valkey
from cara.devtools.servers.errors import LocalServerError
from cara.devtools.servers.ports import free_port, port_opens, reachable_host
from cara.devtools.servers.running import running_file, write_privately
from cara.devtools.servers.supervisor import Process, Supervisor
from cara.local_settings import LocalSettings

WEB_PATIENCE_SECONDS = 60.0
EMULATOR_KEY = "emulator"


class NotInProduction(LocalServerError):
    """What is meant for a desk was asked for in production."""


class PortTaken(LocalServerError):
    """Somebody listens where the web process should."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(
            f"port {port} cannot be used ({reason}): stop what listens there, or choose another with PORT"
        )


@dataclass(frozen=True)
class LocalCara:
    """A Cara on this machine: the environment of its processes, where it listens, and what was chosen."""

    environment: dict[str, str]
    for_worker: dict[str, str]
    host: str
    port: int
    emulator_port: int | None
    notes: tuple[str, ...]

    @property
    def url(self) -> str:
        host = reachable_host(self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def run(local: LocalSettings, *, reload: bool) -> int:
    """Runs everything until a signal; returns the exit code.

    Raises LocalServerError, before anything is started, when the port is taken or the servers are not
    installed; MigrationFailed when a database of your own refuses.
    """
    refuse_production(local.environment)
    port = local.port or free_port()
    ensure_free(local.host, port)
    folder = local.cara_data_dir
    with local_cara(local, folder, port) as here, running_file(folder, here.environment):
        return asyncio.run(_supervise(here, reload=reload))


async def _supervise(here: LocalCara, *, reload: bool) -> int:
    async with Supervisor() as supervisor:
        for note in here.notes:
            supervisor.say(note)
        if await start_processes(supervisor, here):
            supervisor.say(f"the API is at {here.url}/api, what it offers at {here.url}/api/openapi.json")
            supervisor.say(f"a page to try it on is at {here.url}/console")
            supervisor.say("Ctrl-C ends everything")
        if reload:
            package = Path(cara.__file__).parent
            supervisor.reload_on_change(["web", "worker"], [package, package.parent / "worker"])
        return await supervisor.run_until_stopped()


@contextmanager
def local_cara(local: LocalSettings, folder: Path, port: int, *, durable: bool = True) -> Iterator[LocalCara]:
    """Starts the servers that the settings do not name and migrates the database; nothing is left after.

    Raises LocalServerError or MigrationFailed.
    """
    notes: list[str] = []
    with ExitStack() as servers:
        database_url = _postgresql(local, folder, servers, notes, durable=durable)
        redis_url = _redis(local, folder, servers, notes, durable=durable)
        _migrate(database_url, notes)
        gemini, emulator_port = _gemini(local, notes)
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "JWT_SECRET": _jwt_secret(local, folder, notes),
            "HOST": local.host,
            "PORT": str(port),
            **({} if local.metrics_port is None else {"METRICS_PORT": str(local.metrics_port)}),
            **gemini,
        }
        yield LocalCara(environment, _for_worker(local), local.host, port, emulator_port, tuple(notes))


def _postgresql(
    local: LocalSettings, folder: Path, servers: ExitStack, notes: list[str], *, durable: bool
) -> str:
    if local.database_url is not None:
        return local.database_url.get_secret_value()
    url = servers.enter_context(embedded_postgres_server(folder, durable=durable))
    notes.append(f"no DATABASE_URL: PostgreSQL runs on {(folder / 'postgres' / 'data').resolve()}")
    return url


def _redis(local: LocalSettings, folder: Path, servers: ExitStack, notes: list[str], *, durable: bool) -> str:
    if local.redis_url is not None:
        return local.redis_url.get_secret_value()
    notes.append(f"no REDIS_URL: Valkey runs on {folder / 'valkey'}")
    return servers.enter_context(embedded_valkey(folder, durable=durable))


def _migrate(database_url: str, notes: list[str]) -> None:
    from cara.postgres.migrations import migrate_up

    if applied := migrate_up(database_url):
        notes.append(f"migrated the database: {', '.join(applied)}")


def _gemini(local: LocalSettings, notes: list[str]) -> tuple[dict[str, str], int | None]:
    """How to reach Gemini: what is set, or the emulator, on the port that is returned."""
    if local.gemini_api_key is not None:
        return {}, None
    if local.gemini_base_url is not None:
        notes.append("no GEMINI_API_KEY: GEMINI_BASE_URL is called with a made-up one")
        return {"GEMINI_API_KEY": EMULATOR_KEY}, None
    port = free_port()
    notes.append(
        "no GEMINI_API_KEY: the local emulator stands in for Gemini. What it writes is put together from "
        "the transcript by rules; answers say so in `model` (cara-emulator/…)"
    )
    return {"GEMINI_API_KEY": EMULATOR_KEY, "GEMINI_BASE_URL": f"http://127.0.0.1:{port}"}, port


def _jwt_secret(local: LocalSettings, folder: Path, notes: list[str]) -> str:
    """The secret that is set, else one of the data folder's own, which only its owner may read."""
    if local.jwt_secret is not None:
        return local.jwt_secret.get_secret_value()
    path = folder / "jwt-secret"
    with suppress(FileNotFoundError):
        if known := path.read_text().strip():
            return known
    secret = secrets.token_urlsafe(48)
    write_privately(path, secret)
    notes.append(f"no JWT_SECRET: made one, kept in {path}")
    return secret


async def start_processes(supervisor: Supervisor, here: LocalCara) -> bool:
    """Starts emulator, worker and web process; True when the web process listens."""
    python = [sys.executable, "-m"]
    if here.emulator_port is not None:
        command = [*python, "cara.devtools.emulator", "--port", str(here.emulator_port)]
        await supervisor.start(Process("emulator", command))
    await supervisor.start(Process("worker", [*python, "worker"], here.environment | here.for_worker))
    return await supervisor.start(
        Process("web", [*python, "cara", "serve"], here.environment),
        ready=lambda: port_opens(here.port, reachable_host(here.host)),
        patience_seconds=WEB_PATIENCE_SECONDS,
    )


def _for_worker(local: LocalSettings) -> dict[str, str]:
    drain = {"WORKER_DRAIN_SECONDS": str(local.worker_drain_seconds)}
    return drain | ({"METRICS_PORT": str(local.metrics_port + 1)} if local.metrics_port else {})


def ensure_free(host: str, port: int) -> None:
    """Raises PortTaken when nothing could listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the web process itself does: connections of a former run that linger do no harm.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(port, error.strerror or str(error)) from None


def refuse_production(environment: str) -> None:
    """Raises NotInProduction."""
    if environment == "production":
        raise NotInProduction("CARA_ENV=production: this is for development only")
