"""HTTP of the coach: `POST /api/gemini/process`, answered whole or as server-sent events."""

from __future__ import annotations

import json
import logging
import re

from aiohttp import web

from cara.coach.chat import Coach
from cara.coach.conversation import OtherFeature
from cara.coach.schemas import CoachAnswer, Delta, ProcessRequest
from cara.coach.turn import Turn
from cara.errors import CaraError
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiMisconfigured,
    GeminiRecitation,
    GeminiRefused,
    GeminiTimedOut,
    GeminiUnavailable,
    LanguageUnsupported,
)
from cara.observability.sentry import report
from cara.practice.dialogue import TranscriptFull
from cara.practice.sessions import SessionNotFound
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.web.context import REQUEST_ID
from cara.web.guard import Caller
from cara.web.problems import problem_document
from cara.web.routing import Route
from cara.web.sse import HEARTBEAT_SECONDS, EventStream, EventTypes
from cara.web.storage_limit import StorageLimitReached

COACH_EVENTS = EventTypes("CoachEvent", {"delta": Delta, "done": CoachAnswer, "error": CaraError})

EVENT_STREAM = "text/event-stream"
JSON_RANGES = ("application/json", "application/*", "*/*")
"""The media ranges that JSON falls under, the most specific first."""

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")

logger = logging.getLogger(__name__)


async def process(
    request: web.Request, caller: Caller, coach: Coach, body: ProcessRequest
) -> CoachAnswer | web.StreamResponse:
    """Say something to the coach.

    With `Accept: text/event-stream` the answer comes as server-sent events: `delta` with pieces of the text,
    then `done` with the same JSON as otherwise, or `error` with the problem.
    """
    async with coach.turn(caller, body) as turn:
        return await stream_answer(turn, request) if wants_events(request) else await turn.answer()


def wants_events(request: web.Request) -> bool:
    """Returns whether the client names event streams, and likes JSON no better (RFC 9110, section 12.5.1)."""
    qualities = _accepted(",".join(request.headers.getall("Accept", ())))
    of_json = next((qualities[name] for name in JSON_RANGES if name in qualities), 0.0)
    of_events = qualities.get(EVENT_STREAM, 0.0)
    return of_events > 0 and of_events >= of_json


def _accepted(accept: str) -> dict[str, float]:
    """Returns the quality of each media range, the higher one if it stands twice.

    It is 1 where it is missing or malformed.
    """
    qualities: dict[str, float] = {}
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        given = [
            value.strip()
            for key, _, value in (part.partition("=") for part in parameters)
            if key.strip() == "q"
        ]
        quality = float(given[0]) if given and _QUALITY.fullmatch(given[0]) else 1.0
        qualities[name] = max(quality, qualities.get(name, 0.0))
    return qualities


async def stream_answer(turn: Turn, request: web.Request) -> web.StreamResponse:
    """Sends each chunk as a `delta` event, then `done` or `error`.

    The response begins with the first chunk or heartbeat, so that a failure before it has a status of its
    own. Later failures, foreseen or not, are the last event.
    """
    events = EventStream()
    try:
        name, data = "done", await _send_answer(turn, events, request)
    except (ConnectionResetError, TimeoutError):
        return events.response
    except Exception as error:
        if not events.response.prepared:
            raise
        name, data = "error", _problem(error, request.get(REQUEST_ID, ""))
    try:
        return await events.send_last(name, data)
    except (ConnectionResetError, TimeoutError):
        return events.response


async def _send_answer(turn: Turn, events: EventStream, request: web.Request) -> str:
    """Sends the chunks, and a heartbeat whenever none has come for a while; returns the whole as JSON."""
    while True:
        try:
            text = await turn.next_chunk(HEARTBEAT_SECONDS)
        except StopAsyncIteration:
            return (await turn.answer()).model_dump_json(by_alias=True)
        if not events.response.prepared:
            await events.open(request)
        if text is None:
            await events.heartbeat()
        else:
            await events.send("delta", Delta(text=text).model_dump_json(by_alias=True))


def _problem(error: Exception, request_id: str) -> str:
    """Returns the problem as JSON; an unforeseen error is logged, reported, and not described in it."""
    if not isinstance(error, CaraError):
        logger.error("unforeseen error in the stream of request %s", request_id, exc_info=error)
        report(error)
        error = CaraError()
    return json.dumps(problem_document(error, request_id), ensure_ascii=False)


ROUTES = [
    Route(
        "POST",
        "/api/gemini/process",
        process,
        tag="Gemini",
        limit="gemini",
        responses={200: (CoachAnswer, COACH_EVENTS)},
        errors=(
            SessionNotFound,
            OtherFeature,
            TranscriptFull,
            StorageLimitReached,
            QuotaExceeded,
            TooLongForQuota,
            ContentBlocked,
            LanguageUnsupported,
            GeminiUnavailable,
            GeminiBadAnswer,
            GeminiRecitation,
            GeminiTimedOut,
            GeminiMisconfigured,
            GeminiRefused,
        ),
    )
]
