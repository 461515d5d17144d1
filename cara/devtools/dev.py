"""`cara dev`: every part of Cara on one machine, in one terminal, without configuration."""

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
from cara.devtools.servers.data_folder import make_data_folder
from cara.devtools.servers.embedded import embedded_postgres_server, embedded_valkey
from cara.devtools.servers.local_server import LocalServerError
from cara.devtools.servers.ports import free_port, reachable_host
from cara.devtools.servers.running_file import running_file, write_privately
from cara.devtools.servers.supervisor import Process, Supervisor
from cara.local_settings import LocalSettings

WEB_READY_SECONDS = 60.0
EMULATOR_KEY = "emulator"


class NotInProduction(LocalServerError):
    """A command for developer machines was run with CARA_ENV=production."""


class PortTaken(LocalServerError):
    """The web process cannot listen on the port."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(
            f"port {port} cannot be used ({reason}): stop what listens there, or choose another with PORT"
        )


@dataclass(frozen=True)
class LocalCara:
    """A Cara on this machine: the environment of its processes, its address, and notes on what was chosen."""

    environment: dict[str, str]
    worker_environment: dict[str, str]
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

    Raises:
        LocalServerError: the port is taken, or the servers cannot start or are not installed.
        MigrationFailed: a migration of your own database failed.
    """
    refuse_production(local.environment)
    port = local.port or free_port()
    ensure_free(local.host, port)
    folder = local.cara_data_dir
    make_data_folder(folder)
    with local_cara(local, folder, port) as here, running_file(folder, here.environment):
        return asyncio.run(_supervise(here, reload=reload))


async def _supervise(here: LocalCara, *, reload: bool) -> int:
    async with Supervisor() as supervisor:
        for note in here.notes:
            supervisor.say(note)
        if await start_processes(supervisor, here):
            supervisor.say(
                f"the API is at {here.url}/api, its OpenAPI document at {here.url}/api/openapi.json"
            )
            supervisor.say(f"the console, a page to try it out, is at {here.url}/console")
            supervisor.say("Ctrl-C stops everything")
        if reload:
            package = Path(cara.__file__).parent
            supervisor.reload_on_change(["web", "worker"], [package, package.parent / "worker"])
        return await supervisor.run_until_stopped()


@contextmanager
def local_cara(local: LocalSettings, folder: Path, port: int, *, durable: bool = True) -> Iterator[LocalCara]:
    """Starts the servers that the settings do not name, and migrates the database; stops them on exit.

    Raises:
        LocalServerError: a server cannot start.
        MigrationFailed: the database cannot be migrated.
    """
    notes: list[str] = []
    with ExitStack() as servers:
        database_url = _postgresql(local, folder, servers, notes, durable=durable)
        redis_url = _redis(local, folder, servers, notes, durable=durable)
        _migrate(database_url, notes)
        gemini, emulator_port = _gemini(local, notes)
        environment = {
            "CARA_ENV": local.environment,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "JWT_SECRET": _jwt_secret(local, folder, notes),
            "HOST": local.host,
            "PORT": str(port),
            **({} if local.metrics_port is None else {"METRICS_PORT": str(local.metrics_port)}),
            **gemini,
        }
        yield LocalCara(
            environment, _worker_environment(local), local.host, port, emulator_port, tuple(notes)
        )


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
    """Returns the settings for Gemini, and the port for the emulator unless they name a Gemini."""
    if local.gemini_api_key is not None:
        return {}, None
    if local.gemini_base_url is not None:
        notes.append("no GEMINI_API_KEY: GEMINI_BASE_URL is called with a placeholder")
        return {"GEMINI_API_KEY": EMULATOR_KEY}, None
    port = free_port()
    notes.append(
        "no GEMINI_API_KEY: a local emulator replaces Gemini. It composes its answers from the transcript by "
        "rules, and `model` in them says so (cara-emulator/…)"
    )
    return {"GEMINI_API_KEY": EMULATOR_KEY, "GEMINI_BASE_URL": f"http://127.0.0.1:{port}"}, port


def _jwt_secret(local: LocalSettings, folder: Path, notes: list[str]) -> str:
    """Returns the secret that is set, or else one kept in the data folder, readable for its owner alone."""
    if local.jwt_secret is not None:
        return local.jwt_secret.get_secret_value()
    path = folder / "jwt-secret"
    with suppress(FileNotFoundError):
        if known := path.read_text().strip():
            return known
    secret = secrets.token_urlsafe(48)
    write_privately(path, secret)
    notes.append(f"no JWT_SECRET: generated one, kept in {path}")
    return secret


async def start_processes(supervisor: Supervisor, here: LocalCara) -> bool:
    """Starts emulator, worker and web process; returns whether the web process listens."""
    python = [sys.executable, "-P", "-m"]  # -P: never a package of the working directory
    if here.emulator_port is not None:
        command = [*python, "cara.devtools.emulator", "--port", str(here.emulator_port)]
        await supervisor.start(Process("emulator", command))
    await supervisor.start(Process("worker", [*python, "worker"], here.environment | here.worker_environment))
    web = Process(
        "web",
        [*python, "cara", "serve"],
        here.environment,
        host=reachable_host(here.host),
        port=here.port,
        ready_seconds=WEB_READY_SECONDS,
    )
    return await supervisor.start(web)


def _worker_environment(local: LocalSettings) -> dict[str, str]:
    drain = {"WORKER_DRAIN_SECONDS": str(local.worker_drain_seconds)}
    return drain | ({"METRICS_PORT": str(local.metrics_port + 1)} if local.metrics_port else {})


def ensure_free(host: str, port: int) -> None:
    """Raises PortTaken unless the web process can listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Like the web process: lingering connections of an earlier run do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(port, error.strerror or str(error)) from None


def refuse_production(environment: str) -> None:
    """Raises NotInProduction if that is the environment."""
    if environment == "production":
        raise NotInProduction("CARA_ENV=production: this is for development only")
