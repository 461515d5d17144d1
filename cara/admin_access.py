"""What only administrators may do: the one check of it, and the entries in the audit trail.

A route that shows or changes what is not the caller's own calls `require_admin` before anything else, and
`record_admin_read` once it knows that it will answer.
"""

from __future__ import annotations

from aiohttp import web

from cara import audit
from cara.errors import AdministratorsOnly
from cara.postgres.database import Connection
from cara.web.client_info import client_info
from cara.web.guard import Caller


async def require_admin(request: web.Request, caller: Caller, connection: Connection) -> None:
    """Lets administrators pass; the refusal of anybody else has an entry.

    The connection must not be in a transaction, which the refusal would roll back together with the entry.

    Raises:
        AdministratorsOnly: the caller is no administrator, or no longer.
    """
    assert not connection.is_in_transaction()
    if not caller.is_admin:
        await audit.record(
            connection, "admin_denied", client_info(request), caller.user_id, path=request.path
        )
        raise AdministratorsOnly


async def record_admin_read(request: web.Request, caller: Caller, connection: Connection) -> None:
    """Writes the entry of a read; HEAD reads nothing."""
    if request.method != "HEAD":
        await audit.record(connection, "admin_read", client_info(request), caller.user_id, path=request.path)
