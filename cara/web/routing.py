"""What a route is. A feature lists its routes; the application mounts them and describes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cara.errors import CaraError

Handler = Callable[..., Awaitable[Any]]

GENERAL_LIMIT: Final = "general"
"""The limit by user, or by address before sign-in."""


@dataclass(frozen=True)
class SecurityScheme:
    """A way to authenticate, by its name in the OpenAPI document and as OpenAPI describes it."""

    name: str
    definition: Mapping[str, str]


BEARER: Final = SecurityScheme(
    "bearer",
    {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "The access token. After `token_expired` refresh it, after `token_invalid` sign in again."
        ),
    },
)


@dataclass(frozen=True)
class Content:
    """A response without a model: what it holds in place of one, for the OpenAPI document."""

    media_type: str
    example: Any
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


ANY_OBJECT: Final = {"type": "object", "additionalProperties": True}


@dataclass(frozen=True)
class Route:
    """One operation: its method and path, its handler, and what it may answer.

    The annotations of the handler say what is read from path, query, header and body, and whether the handler
    holds a connection. `responses` lists models by status (several in a tuple, `Content` or `EventTypes`
    where it is no model, None for no body) where the return annotation does not say it all, `errors` the
    errors that are the route's own, and `headers`, by status too, the header fields of its responses. `limit`
    names a rate limit that counts beside the general one; requests of routes with None are not counted.

    `origin_checked` is for routes that work with the refresh cookie: they refuse requests from the pages of
    other origins (`origins.py`). `security` lists by what a public route authenticates, any one of them; None
    stands for something in the body.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    status: int = 200
    public: bool = False
    limit: str | None = GENERAL_LIMIT
    origin_checked: bool = False
    security: Sequence[SecurityScheme | None] | None = None
    errors: Sequence[type[CaraError]] = ()
    responses: Mapping[int, Any] | None = None
    headers: Mapping[int, Sequence[str]] = field(default_factory=dict)
