"""Opens google-genai, which sends the requests, and hands out the event streams that come back.

No other module imports the SDK, and this one does so late: it takes half a second.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.request import getproxies

import aiohttp

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from google.genai import Client
    from google.genai.models import AsyncModels
    from google.genai.types import GenerateContentConfig

API_VERSION = "v1beta"
BASE_URL = "https://generativelanguage.googleapis.com/"
_PAGES = frozenset({"text/html", "text/plain", "application/xhtml+xml"})
READ_BUFFER_BYTES = 4 * 1024 * 1024
"""A chunk of an answer is one line, however long; the SDK's own session allows as much."""


class GeminiSdk:
    """The SDK's client and its HTTP session, opened once a process.

    `models` is there once `is_open`. `timeout_seconds` bounds a whole request, streams included.
    """

    models: AsyncModels

    def __init__(self, api_key: str, base_url: str | None, timeout_seconds: float) -> None:
        self.is_open = False
        self._api_key = api_key
        self._base_url = base_url or BASE_URL
        self._timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None
        self._client: Client | None = None
        self._config_for: Callable[[dict[str, Any]], GenerateContentConfig]
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Imports the SDK and builds its client in a thread; does nothing when that is done."""
        async with self._lock:
            if self.is_open:
                return
            self._session = self._session or open_http_session()
            self._client = await asyncio.to_thread(self._build_client, self._session)
            self.models = self._client.aio.models
            self.is_open = True

    async def send(self, model: str, body: dict[str, Any]) -> None:
        """Sends a request for an event stream, in a block of `exchange`; returns with the response's head.

        The SDK gets the body in the form of the REST API. To make one from its models costs it 0.9 ms for one
        turn and 12 for a history of 64, while no other request is served; this costs 0.2 ms.

        Raises:
            Exception: what the SDK or aiohttp raise, if it fails or the response is an error.
        """
        answers = await self.models.generate_content_stream(
            model=model,
            contents={"role": "user"},  # the contents of the body replace it
            config=self._config_for(body),
        )
        async for _ in answers:  # of an empty stream, see GeminiResponse
            raise RuntimeError("the SDK has read the event stream itself")

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.aio.aclose()
            self._client.close()
        if self._session is not None:
            await self._session.close()

    def _build_client(self, session: aiohttp.ClientSession) -> Client:
        _import_sdk()
        from google.genai import Client
        from google.genai.types import HttpOptions, HttpRetryOptions

        self._config_for = _config_maker()
        options = HttpOptions(
            base_url=self._base_url,
            api_version=API_VERSION,
            timeout=round(self._timeout_seconds * 1000),
            retry_options=HttpRetryOptions(attempts=1),
            aiohttp_client=session,
        )
        return Client(api_key=self._api_key, vertexai=False, http_options=options)


class Sending(Protocol):
    """What wants to know when a request goes out."""

    def send(self) -> None:
        """The connection stands, and the request is being written."""


@dataclass
class Exchange:
    """The request of one block for an event stream, and the response to it."""

    sending: Sending
    response: GeminiResponse | None = None

    async def read(self) -> bytes:
        """Returns what has come of the event stream, as soon as anything has; nothing at its end."""
        body = self.response and self.response.event_stream
        return await body.readany() if body else b""


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(sending: Sending) -> Iterator[Exchange]:
    """Tells `sending` when the request of the block goes out, and closes its response at the end.

    Closing it ends the call at Gemini, wherever its stream is.
    """
    present = Exchange(sending)
    token = _exchange.set(present)
    try:
        yield present
    finally:
        _exchange.reset(token)
        response, present.response = present.response, None  # they refer to each other
        if response is not None:
            response.close()


class GeminiResponse(aiohttp.ClientResponse):
    """A response whose event stream is not the SDK's to read, and whose error is one whatever its body is.

    google-genai would turn each event into its models, for half of what a call costs. It gets an empty stream
    and is done with the response, while `event_stream` has the bytes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event_stream: aiohttp.StreamReader | None = None
        self._present = _exchange.get()
        if self._present is not None:
            self._present.sending.send()
            self._present.response = self

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Reads the head of the response.

        Raises:
            aiohttp.ClientResponseError: it is no response of Gemini's, such as a page for people. A redirect
                is none either: it would be followed with the key and with what a learner said.
        """
        await super().start(connection)
        if self.status >= HTTPStatus.BAD_REQUEST:
            return self
        if self.status != HTTPStatus.OK or self.content_type in _PAGES:
            raise aiohttp.ClientResponseError(self.request_info, self.history, status=self.status)
        if self._present is not None:
            self.event_stream, self.content = self.content, aiohttp.EMPTY_PAYLOAD
        return self

    def release(self) -> Any:
        """Returns the connection to the pool, unless the event stream is still to be read."""
        return None if self.event_stream is not None else super().release()

    async def json(self, **options: Any) -> Any:
        """Returns the body as JSON; that of an error is described by its status if it cannot be read.

        The SDK reads an error this way before it looks at the status, which must not be lost.
        """
        if self.status < HTTPStatus.BAD_REQUEST:
            return await super().json(**options)
        text = ""
        try:
            text = (await self.read()).decode("utf-8", "replace")
            body = json.loads(text)
        except (aiohttp.ClientError, ValueError, RecursionError):
            body = None
        return body if isinstance(body, dict | list) else {"message": text, "status": self.reason}


def open_http_session() -> aiohttp.ClientSession:
    """Opens a session that has no bound of its own on connections and keeps no cookies.

    It reads proxies from the environment only where there are any: that costs two hops to another thread in
    every request, which the SDK's own session always pays.
    """
    return aiohttp.ClientSession(
        response_class=GeminiResponse,
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=bool(getproxies()),
        read_bufsize=READ_BUFFER_BYTES,
    )


def _config_maker() -> Callable[[dict[str, Any]], GenerateContentConfig]:
    """Returns what makes the SDK's configuration of a request: it is to make no further, billed ones."""
    from google.genai.types import AutomaticFunctionCallingConfig, GenerateContentConfig, HttpOptions

    class RequestConfig(GenerateContentConfig):
        """A configuration for one request, which the SDK need not copy."""

        def __contains__(self, name: object) -> bool:
            """Says at once what Pydantic's own models say to the SDK after a search, for fifty members."""
            return False

        def model_copy(self, **_: Any) -> Self:
            return self

    no_functions = AutomaticFunctionCallingConfig(disable=True)

    def config_for(body: dict[str, Any]) -> GenerateContentConfig:
        return RequestConfig(
            automatic_continuation=False,
            automatic_function_calling=no_functions,
            http_options=HttpOptions(extra_body=body),
        )

    return config_for


def _import_sdk() -> None:
    """Imports the SDK and freezes what it leaves behind, out of the garbage collector's reach.

    The import adds some 150,000 objects that live as long as the process. Full collections, which hold the
    interpreter's lock, would visit all of them again: 80 ms each, while all requests wait.
    """
    if "google.genai" in sys.modules:
        return
    gc.disable()
    try:
        importlib.import_module("google.genai")
        gc.freeze()
    finally:
        gc.enable()
