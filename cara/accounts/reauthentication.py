"""What a user who is signed in proves with the current password: authenticating again, and a change of it."""

from __future__ import annotations

from uuid import UUID

from cara import audit
from cara.accounts import lockout, queries, refresh_queries
from cara.accounts.authentication import MAX_ATTEMPTS, InvalidCredentials
from cara.accounts.lockout import FailureKeys
from cara.accounts.new_passwords import check_new_password
from cara.accounts.passwords import PasswordHasher
from cara.accounts.schemas import PasswordChange, Reauthenticated
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.audit import Action
from cara.errors import TokenInvalid
from cara.postgres.database import Database, Record
from cara.web.client_info import ClientInfo
from cara.web.guard import AUTHENTICATED_SECONDS, Caller


class WrongPassword(InvalidCredentials):
    detail = "The current password is wrong."


class Reauthentication:
    """Verifies the current passwords of users who are signed in."""

    def __init__(
        self, database: Database, password_hasher: PasswordHasher, sign_out_notifier: SignOutNotifier
    ) -> None:
        self._database = database
        self._password_hasher = password_hasher
        self._sign_out_notifier = sign_out_notifier

    async def reauthenticate(self, caller: Caller, password: str, client: ClientInfo) -> Reauthenticated:
        """Notes that the caller has typed their password again; see `require_recent_authentication`.

        Raises:
            WrongPassword: it is not the current password.
            AccountLocked: too many attempts have failed; sign-ins from this address count too.
            PasswordsBusy: too many passwords are being hashed.
            TokenInvalid: the sign-in has ended meanwhile, as it does when the password is changed.
        """
        user = await self._user(caller.user_id)
        await self._verify_current_password(user, password, client, "reauthentication_failed")
        async with self._database.transaction() as connection:
            await queries.lock_user(connection, caller.user_id)
            authenticated_at = await refresh_queries.renew_authentication(
                connection, caller.user_id, caller.family_id
            )
            if authenticated_at is None:
                raise TokenInvalid
            await audit.record(
                connection, "reauthenticated", client, caller.user_id, family=str(caller.family_id)
            )
        return Reauthenticated(authenticated_at=authenticated_at, expires_in=AUTHENTICATED_SECONDS)

    async def change_password(self, user_id: UUID, change: PasswordChange, client: ClientInfo) -> None:
        """Stores a new password and ends every refresh family, the caller's too.

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
            await self._verify_current_password(
                user, change.current_password.get_secret_value(), client, "password_change_failed"
            )
            if await self._replace_password(user, await self._password_hasher.hash(chosen), client):
                return
        raise WrongPassword

    async def _user(self, user_id: UUID) -> Record:
        async with self._database.acquire() as connection:
            user = await queries.user_by_id(connection, user_id)
        if user is None:
            raise TokenInvalid
        return user

    async def _verify_current_password(
        self, user: Record, current: str, client: ClientInfo, failure: Action
    ) -> None:
        """Raises what `reauthenticate` does; a wrong password is audited as the given failure."""
        keys = FailureKeys.of(user["email"], client.address)
        async with self._database.acquire() as connection:
            # Whoever has stolen a token may guess from many addresses.
            familiar = await queries.is_familiar(connection, user["id"], client.network)
            async with lockout.audited_refusal(connection, keys, user["id"], client):
                await lockout.check(connection, keys, familiar=familiar)
        verified = await self._password_hasher.verify(user["password_hash"], current)
        async with self._database.acquire() as connection:
            # For right and wrong passwords alike: see `_verify_credentials`.
            async with lockout.audited_refusal(connection, keys, user["id"], client):
                await lockout.check(connection, keys, familiar=familiar)
            if not verified.is_correct:
                await lockout.count_failure(connection, keys)
                await audit.record(connection, failure, client, user["id"])
                raise WrongPassword
            await lockout.clear_failures(connection, keys)

    async def _replace_password(self, user: Record, password_hash: str, client: ClientInfo) -> bool:
        """Returns False if there is another hash than the one that was verified."""
        user_id, verified_hash = user["id"], user["password_hash"]
        async with self._database.transaction() as connection:
            if not await queries.change_password(connection, user_id, verified_hash, password_hash):
                return False
            await refresh_queries.end_all_families(connection, user_id)
            await audit.record(connection, "password_changed", client, user_id)
        await self._sign_out_notifier.notify(user_id)
        return True
