"""A network of our own, with a host on it whose cable can be pulled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

OUR_ADDRESS = "10.77.0.1"
HOST_ADDRESS = "10.77.0.2"
SIDE_NEIGHBOR, SIDE_ADDRESS = "10.78.0.1", "10.78.0.2"
HOST = "cara-host"
"""The host's network namespace."""

BRIDGE, PORT, SIDE_PORT = "cara-bridge", "cara-port", "cara-side"
_ISOLATED = "CARA_OUTAGES_ISOLATED"


def isolate() -> None:
    """Starts this program again where it sees no network and no mount but its own, unless it does already.

    When it ends, however that happens, all its processes end, also those that hang, and its mounts go.
    """
    if os.geteuid() != 0 or sys.platform != "linux":
        sys.exit("bench.outages needs root on Linux: it makes a network, and mounts small file systems")
    if _ISOLATED not in os.environ:
        os.environ[_ISOLATED] = "1"
        program = [sys.executable, "-m", "bench.outages", *sys.argv[1:]]
        alone = ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        os.execvp("unshare", ["unshare", *alone, "--mount-proc", *program])
    _ip("link", "set", "lo", "up")
    mount(Path("/run/netns"), "1m")


def mount(folder: Path, size: str) -> None:
    """Mounts a file system in memory of that size."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder))


def unmount(folder: Path) -> None:
    """Unmounts it, also if files in it are open."""
    _run("umount", "--lazy", str(folder))


class Host:
    """A machine of its own, as far as TCP can tell.

    It reaches the servers at `OUR_ADDRESS`, by a link that can be cut, and its clients reach it at
    `SIDE_ADDRESS`, by another one.
    """

    def __enter__(self) -> Self:
        _ip("netns", "add", HOST)
        _ip("link", "add", BRIDGE, "type", "bridge")
        _add_address("", BRIDGE, OUR_ADDRESS)
        _link(PORT, "eth0", HOST_ADDRESS)
        _ip("link", "set", PORT, "master", BRIDGE)
        _link(SIDE_PORT, "eth1", SIDE_ADDRESS)
        _add_address("", SIDE_PORT, SIDE_NEIGHBOR)
        _ip("-n", HOST, "link", "set", "lo", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ip("netns", "delete", HOST)
        _ip("link", "delete", BRIDGE)

    def cut(self) -> None:
        """Pulls the cable: what either side sends is lost, and no connection is closed."""
        _ip("link", "set", PORT, "down")

    def mend(self) -> None:
        _ip("link", "set", PORT, "up")


def _link(port: str, far_end: str, address: str) -> None:
    """Lays a cable to the host, whose end has that address."""
    _ip("link", "add", port, "type", "veth", "peer", "name", far_end, "netns", HOST)
    _ip("link", "set", port, "up")
    _add_address(HOST, far_end, address)


def _add_address(namespace: str, link: str, address: str) -> None:
    within = ["-n", namespace] if namespace else []
    _ip(*within, "address", "add", f"{address}/24", "dev", link)
    _ip(*within, "link", "set", link, "up")


def on_host(command: list[str]) -> list[str]:
    """Returns the command line that runs a command on the host."""
    return ["ip", "netns", "exec", HOST, *command]


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
