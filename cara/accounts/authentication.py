"""Registration and sign-in."""

from __future__ import annotations

from pydantic import validate_email
from pydantic_core import PydanticCustomError

from cara import audit
from cara.accounts import lockout, queries
from cara.accounts.access_tokens import AccessTokens
from cara.accounts.lockout import FailureKeys
from cara.accounts.new_passwords import check_new_password
from cara.accounts.passwords import PasswordHasher
from cara.accounts.refresh_tokens import begin_family, make_room_for_family
from cara.accounts.schemas import Credentials, NewAccount, SignedIn, User
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.errors import Conflict, FieldProblem, Unauthenticated
from cara.postgres.database import Connection, Database, Record, new_id
from cara.settings import Settings
from cara.users.progress import with_current_progress
from cara.web.client_info import ClientInfo

MAX_ATTEMPTS = 2
"""A hash that was replaced while it was verified is read once more: it may belong to the same password."""


class EmailTaken(Conflict):
    code = "email_taken"
    detail = "There is already an account with this email."

    def __init__(self) -> None:
        super().__init__(fields=(FieldProblem("email", "taken", "belongs to an account already"),))


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    detail = "Email or password is wrong."


def normalize_email(typed: str) -> str:
    """Returns an email as registration would store it, so that any spelling of it finds the account.

    What is not an email address is only put into lower case.
    """
    try:
        return validate_email(typed)[1]
    except PydanticCustomError:
        return typed.lower()


class Authentication:
    """Registers users and signs them in."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        password_hasher: PasswordHasher,
        access_tokens: AccessTokens,
        sign_out_notifier: SignOutNotifier,
    ) -> None:
        self._settings = settings
        self._database = database
        self._password_hasher = password_hasher
        self._access_tokens = access_tokens
        self._sign_out_notifier = sign_out_notifier

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
            if user:
                await audit.record(connection, "registered", client, user["id"])
                return await self._issue_tokens(connection, user, User.model_validate(dict(user)))
            owner = await queries.user_id_by_email(connection, account.email)
            await audit.record(connection, "registration_refused", client, owner)
        raise EmailTaken

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

    async def _verify_credentials(
        self, email: str, password: str, keys: FailureKeys, client: ClientInfo
    ) -> tuple[Record, str | None]:
        """Returns the user whose password it is, and the hash to store instead if theirs is outdated."""
        async with self._database.acquire() as connection:
            user = await queries.user_for_sign_in(
                connection, email, client.network, keys.address, keys.account
            )
            async with lockout.audited_refusal(connection, keys, user["id"], client):
                lockout.require_unlocked(user, familiar=user["familiar"])
        verified = await self._password_hasher.verify(user["password_hash"], password)
        async with self._database.acquire() as connection:
            # Other guesses may have failed while this one was verified. Right and wrong ones are checked
            # again, so that a response behind the lock reveals nothing about the password.
            async with lockout.audited_refusal(connection, keys, user["id"], client):
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
            made_room = await make_room_for_family(connection, user_id, client)
            await audit.record(connection, "signed_in", client, user_id)
            shown = User.model_validate(with_current_progress(user))
            signed_in = await self._issue_tokens(connection, user, shown)
            await lockout.clear_failures(connection, keys)
        if made_room:
            await self._sign_out_notifier.notify(user_id)
        return signed_in

    async def _issue_tokens(self, connection: Connection, user: Record, shown: User) -> SignedIn:
        """The user must be new or locked."""
        issued = await begin_family(connection, user["id"], self._settings)
        return SignedIn(
            access_token=self._access_tokens.sign(user["id"], issued.family_id),
            refresh_token=issued.token,
            refresh_seconds=issued.seconds_left,
            expires_in=self._access_tokens.lifetime_seconds,
            user=shown,
        )
