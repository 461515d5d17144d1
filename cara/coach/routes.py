"""HTTP of the Gemini gateway."""

from aiohttp import web

from cara.coach.chat import Coach, OtherFeature
from cara.coach.schemas import CoachAnswer, ProcessRequest, QuotaStanding
from cara.coach.streaming import tell, wants_events
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiMisconfigured,
    GeminiRefused,
    GeminiTimedOut,
    GeminiUnavailable,
)
from cara.postgres.database import Connection
from cara.practice.dialogue import TranscriptFull
from cara.practice.sessions import SessionNotFound
from cara.quota.quota import Quota, QuotaExceeded, TooLongForQuota
from cara.web.guard import Caller
from cara.web.routing import Route
from cara.web.sse import EventStream


async def process(
    request: web.Request, caller: Caller, coach: Coach, body: ProcessRequest
) -> CoachAnswer | web.StreamResponse:
    """Say something to the coach.

    With `Accept: text/event-stream` the answer comes as server-sent events: `delta` with pieces of the text,
    then `done` with the same JSON as otherwise, or `error` with the problem.
    """
    async with coach.turn(caller, body) as turn:
        return await tell(turn, request) if wants_events(request) else await turn.answer()


async def read_quota(caller: Caller, connection: Connection, quota: Quota) -> QuotaStanding:
    """Tell how many tokens are left today."""
    standing = await quota.standing(connection, caller.user_id, caller.daily_token_quota)
    return QuotaStanding(
        tokens_used=standing.used,
        reserved=standing.reserved,
        quota=standing.limit,
        remaining=standing.remaining,
        reset_at=standing.resets_at,
        by_type=standing.by_type,
    )


ROUTES = [
    Route(
        "POST",
        "/api/gemini/process",
        process,
        tag="Gemini",
        limit="gemini",
        responses={200: (CoachAnswer, EventStream)},
        errors=(
            SessionNotFound,
            OtherFeature,
            TranscriptFull,
            QuotaExceeded,
            TooLongForQuota,
            ContentBlocked,
            GeminiUnavailable,
            GeminiBadAnswer,
            GeminiTimedOut,
            GeminiMisconfigured,
            GeminiRefused,
        ),
    ),
    Route("GET", "/api/gemini/quota", read_quota, tag="Gemini"),
]
