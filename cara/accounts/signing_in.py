"""Registering and signing in."""

from __future__ import annotations

from cara.accounts import audit, queries, refresh
from cara.accounts.emails import spelling_of_the_account
from cara.accounts.lockout import Lockout
from cara.accounts.passwords import Passwords, check_new_password
from cara.accounts.profiles import as_shown
from cara.accounts.schemas import Credentials, NewAccount, SignedIn, User
from cara.accounts.tokens import AccessTokens
from cara.accounts.visitors import Visitor
from cara.database import Connection, Database, Record
from cara.errors import Conflict, Unauthenticated
from cara.identifiers import new_id
from cara.settings import Settings

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

    async def register(self, account: NewAccount, visitor: Visitor) -> SignedIn:
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
            await audit.record(connection, "registered", visitor, user["id"])
            return await self._let_in(connection, user)

    async def sign_in(self, credentials: Credentials, visitor: Visitor) -> SignedIn:
        """The account of these credentials; the work is the same when there is none.

        Raises:
            InvalidCredentials: unknown email or wrong password, told alike.
            AccountLocked: too many attempts have failed.
            PasswordsBusy: too many passwords are being verified.
        """
        email, password = spelling_of_the_account(credentials.email), credentials.password.get_secret_value()
        for _ in range(MOST_LOOKS):
            user, rehash = await self._verified(email, password, visitor)
            if signed_in := await self._enter(user, rehash, visitor):
                await self._lockout.succeeded(email, visitor.address)
                return signed_in
        raise InvalidCredentials

    async def _verified(self, email: str, password: str, visitor: Visitor) -> tuple[Record, str | None]:
        """The user whose password it is, and the hash to store instead if there should be another."""
        async with self._database.acquire() as connection:
            user = await queries.user_at_the_door(connection, email, visitor.network)
        familiar = bool(user and user["familiar"])
        await self._lockout.check(email, visitor.address, familiar=familiar)
        verified = await self._passwords.verify(user["password_hash"] if user else None, password)
        # Once more, for right and wrong alike: other guesses may have failed while this one waited its turn,
        # and behind the lock nobody is told which was which.
        await self._lockout.check(email, visitor.address, familiar=familiar)
        if user is None or not verified.ok:
            raise await self._refusal(user, email, visitor)
        return user, verified.rehash

    async def _refusal(self, user: Record | None, email: str, visitor: Visitor) -> InvalidCredentials:
        locked_seconds = int(await self._lockout.failed(email, visitor.address))
        details = {"lockedSeconds": locked_seconds} if locked_seconds else {}
        async with self._database.acquire() as connection:
            await audit.record(connection, "sign_in_failed", visitor, user["id"] if user else None, **details)
        return InvalidCredentials()

    async def _enter(self, verified_user: Record, rehash: str | None, visitor: Visitor) -> SignedIn | None:
        """None when the account is gone, or has another hash than the one that was verified."""
        user_id, stored = verified_user["id"], verified_user["password_hash"]
        async with self._database.transaction() as connection:
            user = await queries.lock_user(connection, user_id)
            if user is None or user["password_hash"] != stored:
                return None
            if rehash:
                await queries.rehash_password(connection, user_id, stored, rehash)
            await audit.record(connection, "signed_in", visitor, user_id)
            return await self._let_in(connection, user)

    async def _let_in(self, connection: Connection, user: Record) -> SignedIn:
        return SignedIn(
            access_token=self._tokens.sign(user["id"], user["token_generation"]),
            refresh_token=await refresh.begin_family(connection, user["id"], self._days),
            expires_in=self._tokens.lifetime_seconds,
            user=User.model_validate(as_shown(user)),
        )
