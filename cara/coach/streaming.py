"""A turn with the coach as server-sent events: `delta` with each piece, then `done`, or `error`."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from cara.coach.turn import Turn
from cara.errors import CaraError
from cara.observability.sentry import report
from cara.web.context import REQUEST_ID
from cara.web.problems import problem_document
from cara.web.sse import HEARTBEAT_SECONDS, EventStream

EVENT_STREAM = "text/event-stream"

logger = logging.getLogger(__name__)


def wants_events(request: web.Request) -> bool:
    """Whether the client asks for a stream (RFC 9110, Accept)."""
    return EVENT_STREAM in request.headers.get("Accept", "").lower()


async def tell(turn: Turn, request: web.Request) -> web.StreamResponse:
    """Passes each piece on as it comes.

    The response begins with the first piece, so that whatever fails before it has a status of its own. What
    fails after it, foreseen or not, is told as the last event.
    """
    events = EventStream()
    try:
        return await events.send_last(*await _last_event(turn, events, request))
    except (ConnectionResetError, TimeoutError):
        return events.response


async def _last_event(turn: Turn, events: EventStream, request: web.Request) -> tuple[str, str]:
    try:
        async for text in _with_pauses(turn):
            if not events.response.prepared:
                await events.open(request)
            if text is None:
                await events.heartbeat()
            else:
                await events.send("delta", json.dumps({"text": text}, ensure_ascii=False))
        return "done", (await turn.answer()).model_dump_json(by_alias=True)
    except (ConnectionResetError, TimeoutError):
        raise
    except Exception as error:
        if not events.response.prepared:
            raise
        return "error", _problem(error, request.get(REQUEST_ID, ""))


def _problem(error: Exception, request_id: str) -> str:
    """The problem as JSON; what nobody foresaw is logged and reported, and says nothing."""
    if not isinstance(error, CaraError):
        logger.error("unforeseen error in the stream of request %s", request_id, exc_info=error)
        report(error)
        error = CaraError()
    return json.dumps(problem_document(error, request_id), ensure_ascii=False)


async def _with_pauses(turn: Turn) -> AsyncIterator[str | None]:
    """The pieces, and None whenever none has come for a while."""
    while True:
        try:
            text = await turn.next_piece(HEARTBEAT_SECONDS)
        except StopAsyncIteration:
            return
        yield text
