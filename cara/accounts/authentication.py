"""Registering and signing in."""

from __future__ import annotations

from cara import audit
from cara.accounts import queries, refresh_tokens
from cara.accounts.access_tokens import AccessTokens
from cara.accounts.emails import normalize_email
from cara.accounts.lockout import Lockout
from cara.accounts.passwords import Passwords, check_new_password
from cara.accounts.profile import as_shown
from cara.accounts.schemas import Credentials, NewAccount, SignedIn, User
from cara.errors import Conflict, Unauthenticated
from cara.postgres.database import Connection, Database, Record, new_id
from cara.settings import Settings
from cara.web.client_info import ClientInfo

MOST_LOOKS = 2
"""A hash that was replaced while it was verified is read again: it may be of the same password."""


class EmailTaken(Conflict):
    code = "email_taken"
    detail = "There is already an account with this email."


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    detail = "Email or password is wrong."


class SignIn:
    """Lets people in: with a new account or with the one they have."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        passwords: Passwords,
        tokens: AccessTokens,
        lockout: Lockout,
    ) -> None:
        self._days = settings.refresh_token_days
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._lockout = lockout

    async def register(self, account: NewAccount, client: ClientInfo) -> SignedIn:
        """A new account, signed in.

        Raises:
            WeakPassword: the password is too short, too common or too close to the email.
            EmailTaken: somebody has this email, in whatever case.
            PasswordsBusy: too many passwords are being hashed.
        """
        password = account.password.get_secret_value()
        check_new_password(password, email=account.email, name=account.name)
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as connection:
            user = await queries.insert_user(
                connection, new_id(), account.email, account.name, account.role, password_hash
            )
            if user is None:
                raise EmailTaken
            await audit.record(connection, "registered", client, user["id"])
            return await self._let_in(connection, user)

    async def sign_in(self, credentials: Credentials, client: ClientInfo) -> SignedIn:
        """The account of these credentials; the work is the same when there is none.

        Raises:
            InvalidCredentials: unknown email or wrong password, told alike.
            AccountLocked: too many attempts have failed.
            PasswordsBusy: too many passwords are being verified.
        """
        email, password = normalize_email(credentials.email), credentials.password.get_secret_value()
        for _ in range(MOST_LOOKS):
            user, rehash = await self._verified(email, password, client)
            if signed_in := await self._enter(user, rehash, client):
                await self._lockout.succeeded(email, client.address)
                return signed_in
        raise InvalidCredentials

    async def _verified(self, email: str, password: str, client: ClientInfo) -> tuple[Record, str | None]:
        """The user whose password it is, and the hash to store instead if there should be another."""
        async with self._database.acquire() as connection:
            user = await queries.user_for_sign_in(connection, email, client.network)
        familiar = bool(user and user["familiar"])
        await self._lockout.check(email, client.address, familiar=familiar)
        verified = await self._passwords.verify(user["password_hash"] if user else None, password)
        # Once more, for right and wrong alike: other guesses may have failed while this one waited its turn,
        # and behind the lock nobody is told which was which.
        await self._lockout.check(email, client.address, familiar=familiar)
        if user is None or not verified.ok:
            raise await self._refusal(user, email, client)
        return user, verified.rehash

    async def _refusal(self, user: Record | None, email: str, client: ClientInfo) -> InvalidCredentials:
        locked_seconds = int(await self._lockout.failed(email, client.address))
        details = {"lockedSeconds": locked_seconds} if locked_seconds else {}
        async with self._database.acquire() as connection:
            await audit.record(connection, "sign_in_failed", client, user["id"] if user else None, **details)
        return InvalidCredentials()

    async def _enter(self, verified_user: Record, rehash: str | None, client: ClientInfo) -> SignedIn | None:
        """None when the account is gone, or has another hash than the one that was verified."""
        user_id, stored = verified_user["id"], verified_user["password_hash"]
        async with self._database.transaction() as connection:
            user = await queries.lock_user(connection, user_id)
            if user is None or user["password_hash"] != stored:
                return None
            if rehash:
                await queries.rehash_password(connection, user_id, stored, rehash)
            await audit.record(connection, "signed_in", client, user_id)
            return await self._let_in(connection, user)

    async def _let_in(self, connection: Connection, user: Record) -> SignedIn:
        return SignedIn(
            access_token=self._tokens.sign(user["id"], user["token_generation"]),
            refresh_token=await refresh_tokens.begin_family(connection, user["id"], self._days),
            expires_in=self._tokens.lifetime_seconds,
            user=User.model_validate(as_shown(user)),
        )
