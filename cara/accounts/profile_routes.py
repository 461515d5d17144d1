"""HTTP of one's own profile: reading, changing, exporting and deleting it, and its audit audit."""

from aiohttp import web

from cara import audit
from cara.accounts import profile
from cara.accounts.cookies import no_refresh_cookie
from cara.accounts.deletion import delete_account
from cara.accounts.export import Exports, ExportsBusy
from cara.accounts.schemas import AuditEntry, AuditPage, AuditQuery, Profile, ProfileChanges
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Connection, Database
from cara.settings import Settings
from cara.web.client_info import client_info
from cara.web.context import REQUEST_ID
from cara.web.downloads import Document, streaming_download
from cara.web.guard import Caller
from cara.web.models import ApiResponse
from cara.web.routing import Route

TAG = "Profile"
EXPORT = Document("cara-export.json", "application/json")


async def read_profile(caller: Caller, connection: Connection) -> Profile:
    """Read your profile."""
    return await profile.profile_of(connection, caller.user_id)


async def change_profile(caller: Caller, connection: Connection, body: ProfileChanges) -> Profile:
    """Change your name, role or time zone."""
    return await profile.change_profile(connection, caller.user_id, body)


async def delete_profile(
    request: web.Request, caller: Caller, database: Database, job_notifier: JobNotifier, settings: Settings
) -> ApiResponse[Profile]:
    """Delete your account and everything that is stored of you, at once and for ever."""
    await delete_account(database, job_notifier, caller.user_id, request.get(REQUEST_ID))
    return ApiResponse(None, headers=no_refresh_cookie(settings))


async def export_profile(request: web.Request, caller: Caller, exports: Exports) -> web.StreamResponse:
    """Download everything that is stored of you, as one JSON document.

    It is streamed: a document whose end is missing was cut off.
    """
    if request.method == "HEAD":
        return EXPORT.head()
    async with exports.document(caller.user_id, client_info(request)) as pieces:
        return await streaming_download(request, EXPORT, pieces)


async def list_audit_entries(caller: Caller, connection: Connection, query: AuditQuery) -> AuditPage:
    """List what was done with your account, newest first."""
    entries, following = await audit.page_of_entries(connection, caller.user_id, query.cursor, query.limit)
    return AuditPage(
        entries=[AuditEntry.model_validate(dict(entry)) for entry in entries], next_cursor=following
    )


ROUTES = [
    Route("GET", "/api/users/me", read_profile, tag=TAG),
    Route("PATCH", "/api/users/me", change_profile, tag=TAG),
    Route("DELETE", "/api/users/me", delete_profile, tag=TAG, status=204, responses={204: None}),
    Route(
        "GET",
        "/api/users/me/export",
        export_profile,
        tag=TAG,
        responses={200: dict},
        errors=(ExportsBusy,),
    ),
    Route("GET", "/api/users/me/audit", list_audit_entries, tag=TAG),
]
