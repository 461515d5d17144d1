"""Changing one's password, which ends everything that was signed in with the old one."""

from __future__ import annotations

from uuid import UUID

from cara import audit
from cara.accounts import queries, refresh_queries
from cara.accounts.authentication import MOST_LOOKS, InvalidCredentials
from cara.accounts.lockout import Lockout
from cara.accounts.passwords import Passwords, check_new_password
from cara.accounts.schemas import PasswordChange
from cara.errors import TokenInvalid
from cara.postgres.database import Database, Record
from cara.web.client_info import ClientInfo


class WrongPassword(InvalidCredentials):
    detail = "The current password is wrong."


class ChangingPasswords:
    """Exchanges the current password for a new one."""

    def __init__(self, database: Database, passwords: Passwords, lockout: Lockout) -> None:
        self._database = database
        self._passwords = passwords
        self._lockout = lockout

    async def change(self, user_id: UUID, change: PasswordChange, client: ClientInfo) -> None:
        """Stores the new password and ends every refresh family and access token, the caller's too.

        Raises:
            WeakPassword: the new one may not be chosen.
            WrongPassword: the current one is wrong, or was changed meanwhile.
            AccountLocked: too many attempts have failed; sign-ins from this address count too.
            PasswordsBusy: too many passwords are being hashed.
        """
        chosen = change.new_password.get_secret_value()
        for _ in range(MOST_LOOKS):
            user = await self._user(user_id)
            check_new_password(chosen, email=user["email"], name=user["name"], member="newPassword")
            await self._verify(user, change.current_password.get_secret_value(), client)
            if await self._store(user, await self._passwords.hash(chosen), client):
                return
        raise WrongPassword

    async def _user(self, user_id: UUID) -> Record:
        async with self._database.acquire() as connection:
            user = await queries.user_by_id(connection, user_id)
        if user is None:
            raise TokenInvalid
        return user

    async def _verify(self, user: Record, current: str, client: ClientInfo) -> None:
        email = user["email"]
        await self._lockout.check(email, client.address, familiar=True)
        verified = await self._passwords.verify(user["password_hash"], current)
        # For right and wrong alike: see `SignIn`.
        await self._lockout.check(email, client.address, familiar=True)
        if not verified.ok:
            await self._lockout.failed(email, client.address)
            async with self._database.acquire() as connection:
                await audit.record(connection, "password_change_failed", client, user["id"])
            raise WrongPassword
        await self._lockout.succeeded(email, client.address)

    async def _store(self, user: Record, password_hash: str, client: ClientInfo) -> bool:
        """False when there is another hash than the one that was verified."""
        user_id, old = user["id"], user["password_hash"]
        async with self._database.transaction() as connection:
            if not await queries.change_password(connection, user_id, old, password_hash):
                return False
            await refresh_queries.revoke_all_families(connection, user_id)
            await audit.record(connection, "password_changed", client, user_id)
        return True
