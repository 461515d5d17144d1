"""The errors that Cara's rules raise. They know no HTTP: `web/problems.py` alone gives them a status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one member of the input."""

    field: str
    message: str


class CaraError(Exception):
    """An error that the caller of a request or the user of a command sees.

    `code` is a stable word for programs and `detail` a sentence for people; `retry_after_seconds` says when
    another try makes sense. `further_member_schemas` describes by name, in JSON Schema, what
    `further_members` adds.
    """

    code: ClassVar[str] = "internal_error"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    detail: str = "Something went wrong."

    def __init__(
        self,
        detail: str | None = None,
        *,
        fields: tuple[FieldProblem, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        self.detail = detail or type(self).detail
        self.fields = fields
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.detail)

    def further_members(self) -> Mapping[str, int | str]:
        """Returns the members that a problem of this kind has beside the usual ones, by name."""
        return {}


class InvalidInput(CaraError):
    code = "invalid_input"
    detail = "The request is not valid."


class TooSlow(InvalidInput):
    code = "request_timeout"
    detail = "The request did not arrive in time."


class Unauthenticated(CaraError):
    code = "unauthenticated"
    detail = "Sign in first: a bearer token is needed."


class TokenExpired(Unauthenticated):
    code = "token_expired"
    detail = "The access token has expired."


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    detail = "The access token is not valid."


class Forbidden(CaraError):
    code = "forbidden"
    detail = "Your account may not do this."


class AdministratorsOnly(Forbidden):
    detail = "Only administrators may do this."


class NotFound(CaraError):
    code = "not_found"
    detail = "There is nothing here by that name."


class Conflict(CaraError):
    code = "conflict"
    detail = "The request contradicts what is stored."


class Outdated(CaraError):
    code = "precondition_failed"
    detail = "It has changed since you read it."


class TooLarge(CaraError):
    code = "payload_too_large"
    detail = "The request body is too large."


class UnsupportedMediaType(InvalidInput):
    code = "unsupported_media_type"
    detail = "The request body must be JSON in UTF-8, with the header field `Content-Type: application/json`."


class Unprocessable(CaraError):
    code = "unprocessable"
    detail = "The request was understood, but its content cannot be worked with."


class LimitReached(CaraError):
    code = "rate_limited"
    detail = "Too many requests."


class UpstreamFailed(CaraError):
    code = "gemini_failed"
    detail = "Gemini could not do it."


class Unavailable(CaraError):
    code = "unavailable"
    detail = "Not available just now. Please try again."


class TookTooLong(Unavailable):
    code = "timed_out"
    detail = "It took too long. Please try again."
