"""`python -m cara.devtools.emulator --port N`: the emulator as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from dataclasses import fields

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.server import running_emulator


def main() -> None:
    """Serves until SIGTERM or SIGINT; prints its URL first."""
    arguments = _arguments()
    chosen = {one.name: getattr(arguments, one.name) for one in fields(EmulatorSettings)}
    asyncio.run(_serve(arguments.host, arguments.port, EmulatorSettings(**chosen)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cara.devtools.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    for setting in fields(EmulatorSettings):
        option = "--" + setting.name.replace("_", "-")
        if isinstance(setting.default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=setting.default)
            continue
        kind = str if setting.name == "api_key" else type(setting.default)
        parser.add_argument(option, type=kind, default=setting.default)
    return parser.parse_args()


async def _serve(host: str, port: int, settings: EmulatorSettings) -> None:
    stop_requested = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop_requested.set)
    async with running_emulator(settings, host=host, port=port) as running:
        sys.stdout.write(f"Gemini emulator on {running.url}\n")
        sys.stdout.flush()
        await stop_requested.wait()


if __name__ == "__main__":
    main()
