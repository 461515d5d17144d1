"""Signing in as a browser does, with explicit cookies, and the audit trail of it."""

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
    """Posts with the given cookie and no other."""
    client.session.cookie_jar.clear()
    headers = options.pop("headers", {}) | ({"Cookie": f"{REFRESH_COOKIE}={cookie}"} if cookie else {})
    return await client.post(path, json=body, headers=headers, **options)


async def refreshes(client: Client, token: str | None = None, *, cookie: str | None = None) -> dict[str, Any]:
    """Exchanges a token that must be usable; returns the new pair."""
    response = await posts(
        client, "/api/auth/refresh", {"refreshToken": token} if token else None, cookie=cookie
    )
    body: dict[str, Any] = await response.json()
    assert response.status == 200, body
    return body


async def refresh_refusal(client: Client, token: str | None = None, *, cookie: str | None = None) -> str:
    """Sends tokens that must not be usable; returns the code of the refusal."""
    response = await posts(
        client, "/api/auth/refresh", {"refreshToken": token} if token else None, cookie=cookie
    )
    body = await response.json()
    assert response.status == 401, body
    return str(body["code"])


async def signs_in(client: Client, email: str, password: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """Attempts to sign in; returns status and body."""
    credentials = {"email": email, "password": password}
    response = await posts(client, "/api/auth/login", credentials, headers=headers)
    return response.status, await response.json()


async def audited(database: Database, learner: Learner) -> list[str]:
    """Returns the actions of a learner's audit trail, oldest first."""
    async with database.acquire() as connection:
        rows = await connection.fetch(
            "select action from audit_log where user_id = $1::uuid order by created_at, id",
            learner.user["id"],
        )
    return [row["action"] for row in rows]


async def add_families(database: Database, count: int) -> None:
    """The only user of the test has signed in so many times more, a minute ago."""
    async with database.acquire() as connection:
        await connection.execute(
            """
            insert into refresh_families (user_id, id, created_at, expires_at)
            select id, gen_random_uuid(), now() - interval '1 minute', now() + interval '1 day'
            from users, generate_series(1, $1)
            """,
            count,
        )


async def outlast_the_grace(database: Database) -> None:
    """Moves the use of all spent tokens into the past, beyond the grace period."""
    async with database.acquire() as connection:
        await connection.execute("update refresh_tokens set replaced_at = replaced_at - interval '1 hour'")
