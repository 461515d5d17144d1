"""Registration, sign-in and the change of a password."""

from __future__ import annotations

from uuid import UUID

from pydantic import validate_email
from pydantic_core import PydanticCustomError

from cara import audit
from cara.accounts import lockout, queries, refresh_queries
from cara.accounts.access_tokens import AccessTokens
from cara.accounts.lockout import FailureKeys
from cara.accounts.passwords import PasswordHasher, check_new_password
from cara.accounts.refresh_tokens import begin_family
from cara.accounts.schemas import Credentials, NewAccount, PasswordChange, SignedIn, User
from cara.errors import Conflict, TokenInvalid, Unauthenticated
from cara.postgres.database import Connection, Database, Record, new_id
from cara.settings import Settings
from cara.users.progress import with_current_progress
from cara.web.client_info import ClientInfo

MAX_ATTEMPTS = 2
"""A hash that was replaced while it was verified is read once more: it may belong to the same password."""


class EmailTaken(Conflict):
    code = "email_taken"
    detail = "There is already an account with this email."


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    detail = "Email or password is wrong."


class WrongPassword(InvalidCredentials):
    detail = "The current password is wrong."


def normalize_email(typed: str) -> str:
    """Returns an email as registration would store it, so that any spelling of it finds the account.

    What is not an email address is only put into lower case.
    """
    try:
        return validate_email(typed)[1]
    except PydanticCustomError:
        return typed.lower()


class Authentication:
    """Registers users, signs them in and changes their passwords."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        password_hasher: PasswordHasher,
        access_tokens: AccessTokens,
    ) -> None:
        self._refresh_token_days = settings.refresh_token_days
        self._database = database
        self._password_hasher = password_hasher
        self._access_tokens = access_tokens

    async def register(self, account: NewAccount, client: ClientInfo) -> SignedIn:
        """Creates an account and signs it in.

        Raises:
            WeakPassword: the password is too short, too common or too close to the email or name.
            EmailTaken: another account has this email, in whatever case.
            PasswordsBusy: too many passwords are being hashed.
        """
        password = account.password.get_secret_value()
        check_new_password(password, email=account.email, name=account.name)
        password_hash = await self._password_hasher.hash(password)
        async with self._database.transaction() as connection:
            user = await queries.insert_user(
                connection, new_id(), account.email, account.name, account.role, password_hash
            )
            if user is None:
                raise EmailTaken
            await audit.record(connection, "registered", client, user["id"])
            return await self._issue_tokens(connection, user, User.model_validate(dict(user)))

    async def sign_in(self, credentials: Credentials, client: ClientInfo) -> SignedIn:
        """Signs in the user with these credentials. An email that no account has costs the same work.

        Raises:
            InvalidCredentials: the email is unknown or the password wrong; both look the same.
            AccountLocked: too many attempts have failed.
            PasswordsBusy: too many passwords are being verified.
        """
        email, password = normalize_email(credentials.email), credentials.password.get_secret_value()
        keys = FailureKeys.of(email, client.address)
        for _ in range(MAX_ATTEMPTS):
            user, rehash = await self._verify_credentials(email, password, keys, client)
            if signed_in := await self._start_session(user, rehash, keys, client):
                return signed_in
        raise InvalidCredentials

    async def change_password(self, user_id: UUID, change: PasswordChange, client: ClientInfo) -> None:
        """Stores a new password and ends every refresh family and access token, the caller's too.

        Raises:
            WeakPassword: the new password is refused.
            WrongPassword: the current password is wrong, or was changed meanwhile.
            AccountLocked: too many attempts have failed; sign-ins from this address count too.
            PasswordsBusy: too many passwords are being hashed.
        """
        chosen = change.new_password.get_secret_value()
        for _ in range(MAX_ATTEMPTS):
            user = await self._user(user_id)
            check_new_password(chosen, email=user["email"], name=user["name"], member="newPassword")
            await self._verify_current_password(user, change.current_password.get_secret_value(), client)
            if await self._replace_password(user, await self._password_hasher.hash(chosen), client):
                return
        raise WrongPassword

    async def _verify_credentials(
        self, email: str, password: str, keys: FailureKeys, client: ClientInfo
    ) -> tuple[Record, str | None]:
        """Returns the user whose password it is, and the hash to store instead if theirs is outdated."""
        async with self._database.acquire() as connection:
            user = await queries.user_for_sign_in(
                connection, email, client.network, keys.address, keys.account
            )
        lockout.require_unlocked(user, familiar=user["familiar"])
        verified = await self._password_hasher.verify(user["password_hash"], password)
        async with self._database.acquire() as connection:
            # Other guesses may have failed while this one was verified. Right and wrong ones are checked
            # again, so that a response behind the lock reveals nothing about the password.
            await lockout.check(connection, keys, familiar=user["familiar"])
            if not verified.is_correct:
                locked_seconds = int(await lockout.count_failure(connection, keys))
                details = {"lockedSeconds": locked_seconds} if locked_seconds else {}
                await audit.record(connection, "sign_in_failed", client, user["id"], **details)
                raise InvalidCredentials
        return user, verified.rehash

    async def _start_session(
        self, verified_user: Record, rehash: str | None, keys: FailureKeys, client: ClientInfo
    ) -> SignedIn | None:
        """Returns None if the account is gone, or has another hash than the one that was verified."""
        user_id, stored = verified_user["id"], verified_user["password_hash"]
        async with self._database.transaction() as connection:
            user = await queries.lock_user(connection, user_id)
            if user is None or user["password_hash"] != stored:
                return None
            if rehash:
                await queries.rehash_password(connection, user_id, stored, rehash)
            await audit.record(connection, "signed_in", client, user_id)
            shown = User.model_validate(with_current_progress(user))
            signed_in = await self._issue_tokens(connection, user, shown)
            await lockout.clear_failures(connection, keys)
        return signed_in

    async def _issue_tokens(self, connection: Connection, user: Record, shown: User) -> SignedIn:
        """The user must be new or locked."""
        return SignedIn(
            access_token=self._access_tokens.sign(user["id"], user["token_generation"]),
            refresh_token=await begin_family(connection, user["id"], self._refresh_token_days),
            expires_in=self._access_tokens.lifetime_seconds,
            user=shown,
        )

    async def _user(self, user_id: UUID) -> Record:
        async with self._database.acquire() as connection:
            user = await queries.user_by_id(connection, user_id)
        if user is None:
            raise TokenInvalid
        return user

    async def _verify_current_password(self, user: Record, current: str, client: ClientInfo) -> None:
        keys = FailureKeys.of(user["email"], client.address)
        async with self._database.acquire() as connection:
            await lockout.check(connection, keys, familiar=True)
        verified = await self._password_hasher.verify(user["password_hash"], current)
        async with self._database.acquire() as connection:
            # For right and wrong passwords alike: see `_verify_credentials`.
            await lockout.check(connection, keys, familiar=True)
            if not verified.is_correct:
                await lockout.count_failure(connection, keys)
                await audit.record(connection, "password_change_failed", client, user["id"])
                raise WrongPassword
            await lockout.clear_failures(connection, keys)

    async def _replace_password(self, user: Record, password_hash: str, client: ClientInfo) -> bool:
        """Returns False if there is another hash than the one that was verified."""
        user_id, verified_hash = user["id"], user["password_hash"]
        async with self._database.transaction() as connection:
            if not await queries.change_password(connection, user_id, verified_hash, password_hash):
                return False
            await refresh_queries.revoke_all_families(connection, user_id)
            await audit.record(connection, "password_changed", client, user_id)
        return True
