"""What the accounts feature takes and gives."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, SecretStr

from cara.accounts.emails import MAX_CHARACTERS, Email
from cara.accounts.visible_text import with_something_to_see
from cara.users.time_zones import TimeZone
from cara.web.models import Instant, PatchModel, QueryModel, RequestModel, ResponseModel
from cara.web.sanitize import FreeText

Name = Annotated[str, FreeText(1, 100), AfterValidator(with_something_to_see)]
Role = Annotated[str, FreeText(max_length=100)]


class NewAccount(RequestModel):
    """A registration. The password is taken as it is, to the last space."""

    email: Email
    name: Name
    role: Role | None = None
    password: SecretStr


class Credentials(RequestModel):
    """An attempt to sign in."""

    email: Annotated[str, Field(max_length=MAX_CHARACTERS)]
    password: SecretStr


class RefreshToken(RequestModel):
    """A refresh token in the body, for clients that do not send the cookie."""

    refresh_token: Annotated[str, Field(max_length=256)] | None = None


class PasswordChange(RequestModel):
    """The current password and the one to have instead, taken as they are."""

    current_password: SecretStr
    new_password: SecretStr


class ProfileChanges(PatchModel):
    """What to change of the profile; members that are left out stay as they are. A role of null is none.

    `timezone` is a name of the IANA time zone database.
    """

    name: Name | MISSING = MISSING
    role: Role | MISSING | None = MISSING
    timezone: TimeZone | MISSING = MISSING


class AuditQuery(QueryModel):
    """Which entries to list: the newest, or those behind a cursor."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: UUID | None = None


class User(ResponseModel):
    """A learner, as other parts of the front end show them."""

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

    timezone: str
    longest_streak: int
    xp_to_next_level: int


class Refreshed(ResponseModel):
    """A fresh pair of tokens; `expiresIn` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


class SignedIn(Refreshed):
    """A fresh pair of tokens and whom they belong to."""

    token_type: str = "Bearer"  # noqa: S105
    user: User


class SignedOut(ResponseModel):
    """It is done; the refresh cookie is gone too."""

    signed_out: bool = True


class Verified(ResponseModel):
    """The token was accepted, and this is its owner."""

    valid: bool = True
    user: User


class AuditEntry(ResponseModel):
    """Something that was done with the account, from where, and in which request."""

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
