"""`python -m cara.devtools.emulator --port N`: the emulator as a process of its own.

The key of its control routes is read from `EMULATOR_CONTROL_KEY`, because other users of the machine see the
options of a command. Without one it is random, and printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import fields

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.server import CONTROL_KEY_FIELD, running_emulator

CONTROL_KEY_VARIABLE = "EMULATOR_CONTROL_KEY"


def main() -> None:
    """Serves until SIGTERM or SIGINT; prints its URL first, and the key that it has chosen."""
    arguments = _arguments()
    chosen = {one.name: getattr(arguments, one.name) for one in fields(EmulatorSettings)}
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(_serve(arguments.host, arguments.port, EmulatorSettings(**chosen)))


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """Returns a loop of uvloop where it is installed: of a short answer the loop is most of the cost."""
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cara.devtools.emulator", description="Emulates Gemini.")
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
    given = os.environ.get(CONTROL_KEY_VARIABLE)
    async with running_emulator(settings, host=host, port=port, control_key=given) as running:
        sys.stdout.write(f"Gemini emulator on {running.url}\n")
        if not given:
            sys.stdout.write(f"Its control routes need {CONTROL_KEY_FIELD}: {running.emulator.control_key}\n")
        sys.stdout.flush()
        await stop_requested.wait()


if __name__ == "__main__":
    main()
