"""Web processes of their own, to be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cara.devtools.servers.ports import free_port, port_opens
from cara.settings import Settings
from tests.waiting import time_limit


@dataclass
class WebProcess:
    """Where it listens, and the process itself."""

    url: str
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """kill -9, as a crash would."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def web_processes(settings: Settings, count: int) -> AsyncIterator[list[WebProcess]]:
    """So many of `cara serve`; none is left at the end of the block."""
    running: list[WebProcess] = []
    try:
        for port in [free_port() for _ in range(count)]:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cara", "serve"),
                env=_environment(settings, port),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            running.append(WebProcess(f"http://127.0.0.1:{port}", process))
        async with time_limit():
            for web in running:
                await port_opens(int(web.url.rpartition(":")[2]))
        yield running
    finally:
        for web in running:
            await web.kill()


def _environment(settings: Settings, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "CARA_ENV": "test",
        "PORT": str(port),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
        "GEMINI_API_KEY": "emulator",
        "GEMINI_BASE_URL": settings.gemini_base_url or "",
        "RATE_LIMITS": "off",
    }
