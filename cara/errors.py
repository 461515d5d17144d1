"""The errors that Cara's rules raise. They know no HTTP: `web/problems.py` alone gives them a status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

FieldCode = Literal[
    "required",
    "unknown",
    "duplicate",
    "type",
    "format",
    "not_allowed",
    "reserved",
    "blank",
    "too_short",
    "too_long",
    "too_few",
    "too_many",
    "too_small",
    "too_large",
    "too_deep",
    "out_of_range",
    "mismatch",
    "markup",
    "taken",
    "invalid_json",
    "unstorable",
    "password_common",
    "password_repetitive",
    "password_sequential",
    "password_service_words",
    "password_email",
    "password_name",
    "invalid",
]
"""What can be wrong with a member of the input: stable words, explained in `cara/web/field_problems.py`."""


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one member of the input.

    `field` is its JSON path in the client's spelling, such as `events.3.eventType`, or the name of a
    parameter or header field. `message` continues a sentence that begins with it, and does not repeat the
    value. `limit` is the bound that the value passes, where the code is about one.
    """

    field: str
    code: FieldCode
    message: str
    limit: float | None = None


class InvalidValue(ValueError):
    """A validator refuses a value: with a code, and a message that continues the name of the member.

    Unlike the words of any other `ValueError`, its message is for clients to see.
    """

    def __init__(self, code: FieldCode, message: str, *, limit: float | None = None) -> None:
        self.code: FieldCode = code
        self.message = message
        self.limit = limit
        super().__init__(message)

    def at(self, field: str) -> FieldProblem:
        """Returns it as the problem of a member."""
        return FieldProblem(field, self.code, self.message, self.limit)


class CaraError(Exception):
    """An error that the caller of a request or the user of a command sees.

    `code` is a stable word for programs and `detail` a sentence for people; `retry_after_seconds` says when
    another try makes sense. `further_member_schemas` describes by name, in JSON Schema, what
    `further_members` adds; `further_models` are the models that these schemas refer to.
    """

    code: ClassVar[str] = "internal_error"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    further_models: ClassVar[tuple[type, ...]] = ()
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

    def further_members(self) -> Mapping[str, Any]:
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
    detail = "The token is not valid, or its sign-in has ended."


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
    detail = (
        "The request body must be JSON in UTF-8, with the header field `Content-Type: application/json`; "
        "`Content-Encoding` may be gzip or deflate."
    )


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
