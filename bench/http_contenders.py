"""The contenders of the HTTP benchmark, each one process on the first core, over the same database."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, ClientSession

from bench.system import Running, System
from cara.devtools.servers.ports import free_port, port_opens

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES, LOAD_CORES = CORES[:1], CORES[1:] or CORES
PEERS = Path(__file__).parent / "peers"
NODE_FOLDER = Path(".cara/bench-node")
START_SECONDS = 60


@dataclass(frozen=True)
class Contender:
    """A process that serves; without some of the cells if it does not have them."""

    name: str
    title: str
    pid: int
    port: int
    lacks: frozenset[str] = frozenset()
    differs: frozenset[str] = frozenset()
    """Cells in which its answer has other members than Cara's."""


@contextmanager
def on_cores(cores: list[int]) -> Iterator[None]:
    """Has the processes that start in the block run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def start_cara(system: System) -> Contender:
    with on_cores(SERVER_CORES):
        url = await system.add_web()
    return Contender("cara", "Cara", system.webs[0].pid, int(url.rpartition(":")[2]))


async def start_others(system: System, names: list[str]) -> list[Contender]:
    """Starts the others of these names that can be; says of the rest how to install them."""
    found = []
    if "floor" in names:
        found.append(await _start_floor(system))
    if "fastapi" in names and not _lacks("the FastAPI way", missing_for_fastapi()):
        found.append(await _start_fastapi(system))
    if "express" in names and not _lacks("the Express way", await asyncio.to_thread(missing_for_express)):
        found.append(await _start_express(system))
    return found


def _lacks(name: str, missing: str) -> bool:
    if missing:
        print(f"(without {name}: {missing})", file=sys.stderr)
    return bool(missing)


async def _start_floor(system: System) -> Contender:
    port = free_port()
    command = [sys.executable, "-m", "bench.floor", str(port)]
    pid = await _start(system, "floor", command, port)
    return Contender("floor", "floor", pid, port)


def missing_for_fastapi() -> str:
    missing = [name for name in ("fastapi", "uvicorn", "sqlmodel") if not importlib.util.find_spec(name)]
    return f"no {', '.join(missing)}: pip install -e '.[embedded,bench]'" if missing else ""


async def _start_fastapi(system: System) -> Contender:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.peers.fastapi_app:app", "--port", str(port)]
    pid = await _start(system, "fastapi", command, port)
    return Contender("fastapi", "FastAPI", pid, port, lacks=frozenset({"stats", "events"}))


def missing_for_express() -> str:
    """Installs the packages in a folder of its own; returns what is missing for that."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "no node or no npm on the PATH"
    NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = (PEERS / "package.json").read_text()
    installed = NODE_FOLDER / "package.json"
    if (NODE_FOLDER / "node_modules").exists() and installed.exists() and installed.read_text() == wanted:
        return ""
    shutil.rmtree(NODE_FOLDER / "node_modules", ignore_errors=True)
    installed.write_text(wanted)
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=NODE_FOLDER, check=False).returncode:
        shutil.rmtree(NODE_FOLDER / "node_modules", ignore_errors=True)
        return f"npm install failed in {NODE_FOLDER}"
    return ""


async def _start_express(system: System) -> Contender:
    port = free_port()
    command = ["node", str(PEERS / "express_app.js"), str(port)]
    node = {"NODE_PATH": str((NODE_FOLDER / "node_modules").resolve()), "NODE_ENV": "production"}
    pid = await _start(system, "express", command, port, node)
    return Contender("express", "Express", pid, port, differs=frozenset({"stats"}))


async def _start(
    system: System, name: str, command: list[str], port: int, more: dict[str, str] | None = None
) -> int:
    log = system.servers.folder / f"{name}.log"
    running = Running(name, command, {**system.environment, **(more or {})}, log)
    with on_cores(SERVER_CORES):
        await running.start()
    system.stack.push_async_callback(running.stop)
    try:
        async with asyncio.timeout(START_SECONDS):
            await port_opens(port)
    except TimeoutError:
        raise SystemExit(f"{name} did not start: {log.read_text()[-2_000:]}") from None
    return running.pid


@dataclass(frozen=True)
class Start:
    """How one web process started: seconds until it answered, and its memory a second later."""

    seconds: float
    memory_mib: float


async def measure_start(system: System, http: ClientSession) -> Start:
    """Starts another web process, on its own core, and ends it again."""
    port = free_port()
    command = [sys.executable, "-m", "cara", "serve"]
    environment = {**system.environment, "PORT": str(port)}
    running = Running("starting", command, environment, system.servers.folder / "starting.log")
    begun = time.perf_counter()
    with on_cores(SERVER_CORES):
        await running.start()
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(http, f"http://127.0.0.1:{port}/health"):
                await asyncio.sleep(0.01)
        seconds = time.perf_counter() - begun
        await asyncio.sleep(1)
        return Start(seconds, running.memory_bytes() / 2**20)
    finally:
        await running.stop()


async def _answers(http: ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except ClientError:
        return False
