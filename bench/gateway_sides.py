"""The two programs that `bench.gateway` compares /process with, each run as a process of its own.

python -m bench.gateway_sides proxy URL PORT         a bare aiohttp proxy to Gemini: no sign-in, no quota
python -m bench.gateway_sides sdk URL LOAD           the SDK under a load, which is JSON; prints timings
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession, TCPConnector, web

from cara.coach.prompts import instruction_for
from cara.event_loop import new_event_loop, run

MODEL = "gemini-3.8-flash"
PROMPT = "Can you help me practice a salary negotiation? I have three minutes with my manager ({})."


@dataclass
class Timings:
    """The calls: the duration of each, and the time of the first chunk of its answer by the marker in its
    prompt. Times are those of the monotonic clock, which all processes of a machine share."""

    seconds: list[float] = field(default_factory=list)
    first_bytes: dict[str, float] = field(default_factory=dict)
    elapsed: float = 0.0
    processor_seconds: float = 0.0

    def add(self, more: Timings) -> None:
        """Adds the calls of another round."""
        self.seconds += more.seconds
        self.first_bytes |= more.first_bytes
        self.elapsed += more.elapsed
        self.processor_seconds += more.processor_seconds


@dataclass(frozen=True)
class Load:
    """Calls for some seconds: from `connections` callers one after the other, or `rate` a second.

    Each caller pauses before a call for a random time of at most `pause` seconds, so that calls don't arrive
    in bursts. With a rate calls begin at times of a Poisson process, whether earlier ones have ended or not.
    """

    seconds: float
    connections: int = 0
    pause: float = 0.0
    rate: float = 0.0


async def under_load(
    call: Callable[[str], Awaitable[float]], processor_seconds: Callable[[], float], load: Load
) -> Timings:
    """Calls as the load says; `call` returns the time of its first chunk.

    `processor_seconds` returns the processor time of the process under test.
    """
    timings = Timings()
    await asyncio.gather(*(call(uuid4().hex) for _ in range(2 * load.connections or int(load.rate))))
    begun, used = time.monotonic(), processor_seconds()

    async def timed() -> None:
        marker, start = uuid4().hex, time.monotonic()
        timings.first_bytes[marker] = await call(marker)
        timings.seconds.append(time.monotonic() - start)

    async def caller() -> None:
        while True:
            await asyncio.sleep(random.uniform(0, load.pause))
            if time.monotonic() > begun + load.seconds:
                return
            await timed()

    async def at_rate() -> None:
        async with asyncio.TaskGroup() as calls:
            while time.monotonic() < begun + load.seconds:
                await asyncio.sleep(random.expovariate(load.rate))
                calls.create_task(timed())

    await asyncio.gather(*([at_rate()] if load.rate else [caller() for _ in range(load.connections)]))
    timings.elapsed = time.monotonic() - begun
    timings.processor_seconds = processor_seconds() - used
    return timings


def sdk_call(url: str) -> Callable[[str], Awaitable[float]]:
    """The SDK as its documentation shows it, streaming."""
    from google.genai import Client, types

    options = types.HttpOptions(base_url=url, api_version="v1beta", timeout=90_000)
    client = Client(api_key="emulator", http_options=options)
    config = types.GenerateContentConfig(
        system_instruction=instruction_for("conversation"), max_output_tokens=1_024
    )

    async def call(marker: str) -> float:
        first = 0.0
        stream = await client.aio.models.generate_content_stream(
            model=MODEL, contents=PROMPT.format(marker), config=config
        )
        async for _ in stream:
            first = first or time.monotonic()
        return first

    return call


def body_for_proxy(marker: str) -> dict[str, Any]:
    """The request that the SDK would send."""
    return {
        "contents": [{"role": "user", "parts": [{"text": PROMPT.format(marker)}]}],
        "systemInstruction": {"parts": [{"text": instruction_for("conversation")}]},
        "generationConfig": {"maxOutputTokens": 1_024},
    }


def proxy(url: str) -> web.Application:
    """Passes a request on to Gemini, and each chunk of the answer back as it arrives."""
    app = web.Application()
    upstream = f"{url}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    key = web.AppKey("http", ClientSession)

    async def http(app: web.Application) -> Any:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            app[key] = session
            yield

    async def pass_on(request: web.Request) -> web.StreamResponse:
        headers = {"x-goog-api-key": "emulator", "Content-Type": "application/json"}
        async with request.app[key].post(upstream, data=await request.read(), headers=headers) as answer:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    app.cleanup_ctx.append(http)
    app.router.add_post("/", pass_on)
    return app


async def _sdk(url: str, load: Load) -> None:
    timings = await under_load(sdk_call(url), time.process_time, load)
    sys.stdout.write(json.dumps(asdict(timings)))


if __name__ == "__main__":
    role, gemini_url, given = sys.argv[1:]
    if role == "proxy":
        web.run_app(
            proxy(gemini_url), host="127.0.0.1", port=int(given), access_log=None, print=None,
            loop=new_event_loop(),
        )  # fmt: skip
    else:
        run(_sdk(gemini_url, Load(**json.loads(given))))
