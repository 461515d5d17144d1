"""Requests and responses of accounts."""

import re
import unicodedata
from typing import Annotated, Any
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, SecretStr, validate_email
from pydantic_core import PydanticCustomError

from cara.errors import InvalidValue
from cara.users.time_zones import TimeZone
from cara.web.models import Instant, PatchModel, QueryModel, RequestModel, ResponseModel, example
from cara.web.sanitize import FreeText

MAX_EMAIL_CHARACTERS = 254

ACCESS_TOKEN_EXAMPLE = "eyJhbGciOiJIUzI1NiIs…"  # noqa: S105
REFRESH_TOKEN_EXAMPLE = "AZofjlw9ekKbHj9tLIp7UA…"  # noqa: S105
"""Cut short: the examples of the OpenAPI document hold nothing that looks like a secret."""

_BLANK_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
_BLANK_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U0001d159\U000e0000-\U000e0fff]"
)
"""Fillers and selectors that draw nothing, although Unicode counts them among letters, marks and symbols."""


def not_blank(text: str) -> str:
    """Returns the text; raises InvalidValue if none of its characters is visible."""
    if all(unicodedata.category(each) in _BLANK_CATEGORIES or _BLANK_LETTERS.match(each) for each in text):
        raise InvalidValue("blank", "must not be blank")
    return text


def _valid_email(address: str) -> str:
    """Returns the address as it is stored.

    Refuses `Ada <ada@example.com>`, which pydantic would accept as `ada@example.com`.
    """
    if "<" in address:
        raise InvalidValue("format", "must be the address alone, without a name before it")
    try:
        return validate_email(address)[1]
    except PydanticCustomError:
        raise InvalidValue("format", "must be an email address, such as ada@example.com") from None


Email = Annotated[
    str,
    Field(max_length=MAX_EMAIL_CHARACTERS, json_schema_extra={"format": "email"}),
    AfterValidator(_valid_email),
]
"""An address as registration stores it: in Unicode form NFC, an international domain in its own script."""

Name = Annotated[str, FreeText(1, 100), AfterValidator(not_blank)]
Role = Annotated[str, FreeText(max_length=100)]


class NewAccount(RequestModel):
    """A registration.

    The password is taken to the last space, in Unicode's form NFC. It has at least 8 characters and at most
    1,024 bytes, and is not easy to guess: it is none of the most common ones (nor `P@ssw0rd!`), not as a
    whole one run (`qwertzui`) or one short part over and over (`abcabcabc`), not made of the words of this
    service, not the name, and without the part of the email before the @.
    """

    model_config = example(
        email="user@example.com",
        name="John Doe",
        role="Software Engineer",
        password="secure123",  # noqa: S106
    )

    email: Email
    name: Name
    role: Role | None = None
    password: SecretStr


class Credentials(RequestModel):
    """An attempt to sign in."""

    model_config = example(email="user@example.com", password="secure123")  # noqa: S106

    email: Annotated[str, Field(max_length=MAX_EMAIL_CHARACTERS)]
    password: SecretStr


class PresentedRefreshToken(RequestModel):
    """A refresh token in the body, for clients that do not send the cookie."""

    model_config = example(refreshToken=REFRESH_TOKEN_EXAMPLE)

    refresh_token: Annotated[str, Field(max_length=256)] | None = None


class PasswordChange(RequestModel):
    """The current password and the one to have instead, which follows the rules of a registration."""

    model_config = example(currentPassword="secure123", newPassword="a walk by the lake")

    current_password: SecretStr
    new_password: SecretStr


class PasswordConfirmation(RequestModel):
    """The current password, taken as it is."""

    model_config = example(password="secure123")  # noqa: S106

    password: SecretStr


class ProfileChanges(PatchModel):
    """What to change of the profile; members that are left out stay as they are. A role of null is none.

    `timezone` is a name of the IANA time zone database.
    """

    model_config = example(role="Engineering Manager", timezone="Europe/Berlin")

    name: Name | MISSING = MISSING
    role: Role | MISSING | None = MISSING
    timezone: TimeZone | MISSING = MISSING


class AuditQuery(QueryModel):
    """Which entries to list: the newest, or those behind a cursor."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many entries at most.")] = 20
    cursor: Annotated[UUID | None, Field(description="The `nextCursor` of the page before.")] = None


class User(ResponseModel):
    """A learner, as other parts of the front end show them."""

    model_config = example(
        email="user@example.com", name="John Doe", role="Software Engineer", level=2, xp=154, streak=3
    )

    id: UUID
    email: str
    name: str
    role: str | None
    level: int
    xp: int
    streak: int
    created_at: Instant


class Profile(User):
    """A learner as they see themselves: with the record of their streak and the way to the next level."""

    model_config = example(
        email="user@example.com",
        name="John Doe",
        role="Software Engineer",
        level=2,
        xp=154,
        streak=3,
        timezone="Europe/Berlin",
        longestStreak=8,
        xpToNextLevel=246,
    )

    timezone: str
    longest_streak: int
    xp_to_next_level: int


class Refreshed(ResponseModel):
    """A fresh pair of tokens; `expiresIn` is the access token's life in seconds."""

    model_config = example(
        accessToken=ACCESS_TOKEN_EXAMPLE, refreshToken=REFRESH_TOKEN_EXAMPLE, expiresIn=900
    )

    access_token: str
    refresh_token: str
    refresh_seconds: Annotated[int, Field(exclude=True)]
    """The life of the refresh token, and of its cookie; no member of the response."""
    expires_in: int


class SignedIn(Refreshed):
    """A fresh pair of tokens and whom they belong to."""

    model_config = example(
        accessToken=ACCESS_TOKEN_EXAMPLE,
        refreshToken=REFRESH_TOKEN_EXAMPLE,
        expiresIn=900,
        tokenType="Bearer",
    )

    token_type: str = "Bearer"  # noqa: S105
    user: User


class SignOut(ResponseModel):
    """It is done; the refresh cookie is gone too."""

    signed_out: bool = True


class Reauthenticated(ResponseModel):
    """The password was right; for `expiresIn` seconds it need not be typed again."""

    model_config = example(expiresIn=300)

    authenticated_at: Instant
    expires_in: int


class Verified(ResponseModel):
    """The token was accepted, and this is its owner."""

    valid: bool = True
    user: User


class AuditEntry(ResponseModel):
    """Something that was done with the account, from where, and in which request."""

    model_config = example(
        action="signed_in", address="203.0.113.7", userAgent="Mozilla/5.0", requestId="3f2b8c1e9d6a4f07"
    )

    id: UUID
    action: str
    address: str | None
    user_agent: str | None
    request_id: str | None
    details: dict[str, Any]
    created_at: Instant


class AuditPage(ResponseModel):
    """Entries of the audit trail, newest first; `nextCursor` leads to the next page."""

    entries: list[AuditEntry]
    next_cursor: UUID | None
