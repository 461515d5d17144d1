"""What a route is. A feature lists its routes; the application mounts them and describes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cara.errors import CaraError

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """One operation: where it is, what handles it, and what it may answer.

    Whether a caller must be signed in, what is read from path, query, header and body, and whether the
    handler holds a connection: all of this the handler's own annotations say. `responses` lists models by
    status (several in a tuple) where the handler's return annotation does not say it all; `errors` the
    errors of its own; `headers`, by status too, the fields that come with what it answers.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    status: int = 200
    public: bool = False
    errors: Sequence[type[CaraError]] = ()
    responses: Mapping[int, Any] | None = None
    headers: Mapping[int, Sequence[str]] = field(default_factory=dict)
