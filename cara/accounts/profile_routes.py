"""HTTP of profiles: reading, changing, exporting, and the audit trail. Deletion is in `routes`."""

from aiohttp import web

from cara import audit
from cara.accounts import profile
from cara.accounts.export import EXPORT_EXAMPLE, EXPORT_SCHEMA, AccountExporter, ExportsBusy
from cara.accounts.schemas import AuditEntry, AuditPage, AuditQuery, Profile, ProfileChanges
from cara.postgres.database import Connection
from cara.web.client_info import client_info
from cara.web.compression import accepts_gzip
from cara.web.downloads import Document, Downloads, DownloadsBusy
from cara.web.guard import Caller, ReauthenticationRequired, require_recent_authentication
from cara.web.handlers import Transaction
from cara.web.json_body import BODY_BYTES
from cara.web.models import ApiResponse
from cara.web.routing import Content, Route
from cara.web.storage_limit import StorageLimit, StorageLimitReached

TAG = "Profile"
EXPORT = Document("cara-export.json", "application/json")


async def read_profile(caller: Caller) -> ApiResponse[Profile]:
    """Read your profile.

    It has the record of your streak, and the way to the next level.
    """
    return ApiResponse(profile.profile_of(caller.learner))


async def change_profile(
    request: web.Request,
    caller: Caller,
    transaction: Transaction,
    storage: StorageLimit,
    body: ProfileChanges,
) -> ApiResponse[Profile]:
    """Change your name, role or time zone.

    Members that are left out stay as they are.
    """
    await storage.count(caller.user_id, request[BODY_BYTES])
    return ApiResponse(await profile.change_profile(transaction, caller.user_id, body, client_info(request)))


async def export_profile(
    request: web.Request, caller: Caller, exporter: AccountExporter, downloads: Downloads
) -> web.StreamResponse:
    """Download everything that is stored of you, as one JSON document.

    The password must have been typed within five minutes. A document whose end is missing was cut off.
    """
    require_recent_authentication(caller)
    compressed = accepts_gzip(request)
    if request.method == "HEAD":
        return EXPORT.head(compressed=compressed)
    async with downloads.spool(caller.user_id, compressed=compressed) as spool:
        async with exporter.document(caller.user_id, client_info(request)) as chunks:
            await spool.fill(chunks)
        return await spool.send(request, EXPORT)


async def list_audit_entries(caller: Caller, connection: Connection, query: AuditQuery) -> AuditPage:
    """List what was done with your account, newest first.

    `nextCursor` leads to the next page; it is null on the last one.
    """
    entries, next_cursor = await audit.page_of_entries(connection, caller.user_id, query.cursor, query.limit)
    return AuditPage(
        entries=[AuditEntry.model_validate(dict(entry)) for entry in entries], next_cursor=next_cursor
    )


ROUTES = [
    Route("GET", "/api/users/me", read_profile, tag=TAG),
    Route("PATCH", "/api/users/me", change_profile, tag=TAG, errors=(StorageLimitReached,)),
    Route(
        "GET",
        "/api/users/me/export",
        export_profile,
        tag=TAG,
        responses={200: Content("application/json", EXPORT_EXAMPLE, EXPORT_SCHEMA)},
        errors=(ExportsBusy, DownloadsBusy, ReauthenticationRequired),
    ),
    Route("GET", "/api/users/me/audit", list_audit_entries, tag=TAG),
]
