"""A browser's view of signing in: cookies that a test holds in its own hand, and its audit trail."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from cara.accounts.routes import REFRESH_COOKIE
from cara.postgres.database import Database
from tests.learners import Learner

Client = TestClient[Any, Any]


async def posts(
    client: Client, path: str, body: Any = None, *, cookie: str | None = None, **options: Any
) -> ClientResponse:
    """Posts with no other cookie than the given one."""
    client.session.cookie_jar.clear()
    headers = options.pop("headers", {}) | ({"Cookie": f"{REFRESH_COOKIE}={cookie}"} if cookie else {})
    return await client.post(path, json=body, headers=headers, **options)


async def refreshes(client: Client, token: str | None = None, *, cookie: str | None = None) -> dict[str, Any]:
    """The fresh pair for a token that must still count."""
    response = await posts(
        client, "/api/auth/refresh", {"refreshToken": token} if token else None, cookie=cookie
    )
    body: dict[str, Any] = await response.json()
    assert response.status == 200, body
    return body


async def refresh_refusal(client: Client, token: str | None = None, *, cookie: str | None = None) -> str:
    """The code of the refusal of tokens that must not count."""
    response = await posts(
        client, "/api/auth/refresh", {"refreshToken": token} if token else None, cookie=cookie
    )
    body = await response.json()
    assert response.status == 401, body
    return str(body["code"])


async def signs_in(client: Client, email: str, password: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and body of an attempt to sign in."""
    credentials = {"email": email, "password": password}
    response = await posts(client, "/api/auth/login", credentials, headers=headers)
    return response.status, await response.json()


async def audited(database: Database, learner: Learner) -> list[str]:
    """The actions of a learner's audit trail, oldest first."""
    async with database.acquire() as connection:
        rows = await connection.fetch(
            "select action from audit_log where user_id = $1::uuid order by created_at, id",
            learner.user["id"],
        )
    return [row["action"] for row in rows]


async def outlast_the_grace(database: Database) -> None:
    """Makes all tokens that were spent so far spent long ago."""
    async with database.acquire() as connection:
        await connection.execute("update refresh_tokens set replaced_at = replaced_at - interval '1 hour'")
