"""HTTP of the quota: `GET /api/gemini/quota`."""

from cara.postgres.database import Connection
from cara.quota.quota import Quota
from cara.web.guard import Caller
from cara.web.models import Instant, ResponseModel, example
from cara.web.routing import Route


class QuotaStanding(ResponseModel):
    """Today's tokens: used, reserved for calls under way, the limit, and what remains of it."""

    model_config = example(
        tokensUsed=2_762,
        reserved=0,
        quota=50_000,
        remaining=47_238,
        resetAt="2026-02-01T00:00:00Z",
        byType={"process": 412, "feedback": 2_350},
    )

    tokens_used: int
    reserved: int
    quota: int
    remaining: int
    reset_at: Instant
    by_type: dict[str, int]


async def read_quota(caller: Caller, connection: Connection, quota: Quota) -> QuotaStanding:
    """Tell how many tokens are left today.

    A day ends at midnight UTC. What is reserved for calls under way is given back if they cost less.
    """
    status = await quota.status(connection, caller.user_id, caller.daily_token_quota)
    return QuotaStanding(
        tokens_used=status.used,
        reserved=status.reserved,
        quota=status.limit,
        remaining=status.remaining,
        reset_at=status.resets_at,
        by_type=status.by_type,
    )


ROUTES = [Route("GET", "/api/gemini/quota", read_quota, tag="Gemini")]
