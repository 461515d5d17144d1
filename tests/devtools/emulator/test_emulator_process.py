"""The emulator as a process of its own."""

import asyncio
import os
import signal
import sys

import aiohttp
import pytest

from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
async def process():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cara.devtools.emulator",
        "--port",
        "0",
        "--chunk-delay-seconds",
        "5",
        "--thinking-by-level",
        stdout=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "EMULATOR_CONTROL_KEY"},
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_it_prints_its_url_and_a_key_and_ends_at_once_with_a_stream_open(process):
    async with asyncio.timeout(TIMEOUT_SECONDS):
        line = (await process.stdout.readline()).decode()
        key = (
            (await process.stdout.readline())
            .decode()
            .removeprefix("Its control routes need X-Emulator-Key: ")
        )
    url = line.removeprefix("Gemini emulator on ").strip()
    body = {"contents": [{"parts": [{"text": "A long answer, please."}]}]}
    path = f"{url}/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    async with aiohttp.ClientSession() as session:
        response = await session.post(path, json=body, headers={"x-goog-api-key": "any"})
        assert (await response.content.readline()).startswith(b"data: ")
        async with session.get(f"{url}/emulator/ledger", headers={"X-Emulator-Key": key.strip()}) as ledger:
            assert (await ledger.json())["thinking_tokens"] == 6_000
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(2):
            assert await process.wait() == 0
        response.close()
