"""Chromium, driven by the DevTools protocol over a WebSocket: profiles, pages, scripts, cookies."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.waiting import TIMEOUT_SECONDS, time_limit

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")


class ScriptFailed(Exception):
    """A script in a page threw."""


@contextmanager
def running_chromium(folder: Path, *switches: str, cookies_of_other_sites: bool) -> Iterator[str]:
    """Runs a headless Chromium until the end of the block; yields the address of its DevTools.

    Whether it keeps cookies of other sites is a preference, for which there is no switch. Headless it blocks
    them by default.
    """
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        raise FileNotFoundError("the browser tests need Chromium: apt-get install chromium")
    command = [program, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    command += ["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", *switches]
    if os.geteuid() == 0:
        command.append("--no-sandbox")
    preferences = folder / "Default" / "Preferences"
    preferences.parent.mkdir()
    mode = {"cookie_controls_mode": 0 if cookies_of_other_sites else 1}
    preferences.write_text(json.dumps({"profile": mode}))
    process = subprocess.Popen([*command, "about:blank"], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        address = next(found[1] for line in process.stderr if (found := _LISTENING.search(line)))
        threading.Thread(
            target=process.stderr.read, daemon=True
        ).start()  # or it would fill the pipe, and wait
        yield address
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


class DevTools:
    """A connection to a running Chromium."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loads: dict[str, asyncio.Event] = {}

    @classmethod
    @asynccontextmanager
    async def connect(cls, address: str) -> AsyncIterator[DevTools]:
        async with ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            tools = cls(socket)
            reading = asyncio.create_task(tools._read())
            try:
                yield tools
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def call(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Returns the result of a command."""
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(command | ({"sessionId": session} if session else {}))
        async with time_limit():
            return await reply

    async def open_page(self, url: str, profile: str) -> Page:
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=profile)
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"])
        await self.call("Page.enable", session=page.session)
        await page.visit(url)
        return page

    def next_load(self, session: str) -> asyncio.Event:
        """Returns an event that is set when the page has loaded another document."""
        event = self._loads[session] = asyncio.Event()
        return event

    async def _read(self) -> None:
        async for message in self._socket:
            told = message.json()
            if told.get("method") == "Page.loadEventFired" and told["sessionId"] in self._loads:
                self._loads[told["sessionId"]].set()
            elif (reply := self._replies.pop(told.get("id", 0), None)) and not reply.done():
                if "error" in told:
                    reply.set_exception(RuntimeError(told["error"]["message"]))
                else:
                    reply.set_result(told["result"])


class Page:
    """A tab."""

    def __init__(self, tools: DevTools, session: str) -> None:
        self._tools = tools
        self.session = session

    async def visit(self, url: str) -> None:
        """Returns when the page has loaded."""
        loaded = self._tools.next_load(self.session)
        await self._tools.call("Page.navigate", session=self.session, url=url)
        async with time_limit():
            await loaded.wait()

    async def run(self, script: str) -> Any:
        """Returns what an expression, or the promise that it is, comes to."""
        result = await self._tools.call(
            "Runtime.evaluate",
            session=self.session,
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in result:
            raise ScriptFailed(result["exceptionDetails"]["exception"].get("description"))
        return result["result"].get("value")

    async def leaves_by(self, script: str) -> str:
        """Runs a script that leads to another document; returns the text of that."""
        loaded = self._tools.next_load(self.session)
        await self.run(script)
        async with time_limit():
            await loaded.wait()
        return str(await self.run("document.body.innerText"))


class Profile:
    """Cookies and pages of one person, apart from those of all others."""

    def __init__(self, tools: DevTools, identifier: str) -> None:
        self._tools = tools
        self._identifier = identifier

    @classmethod
    async def new(cls, tools: DevTools) -> Profile:
        created = await tools.call("Target.createBrowserContext")
        return cls(tools, created["browserContextId"])

    async def opens(self, url: str) -> Page:
        return await self._tools.open_page(url, self._identifier)

    async def cookies(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Returns all cookies of this person, by domain and name."""
        found = await self._tools.call("Storage.getCookies", browserContextId=self._identifier)
        return {(cookie["domain"], cookie["name"]): cookie for cookie in found["cookies"]}
