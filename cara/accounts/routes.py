"""HTTP of accounts: registration, sign-in, tokens, deletion. Profiles are in `profile_routes`."""

from aiohttp import web

from cara.accounts import profile_routes
from cara.accounts.authentication import Authentication, EmailTaken, InvalidCredentials, WrongPassword
from cara.accounts.cookies import no_refresh_cookie, refresh_cookie
from cara.accounts.deletion import delete_account
from cara.accounts.lockout import AccountLocked
from cara.accounts.passwords import PasswordsBusy, WeakPassword
from cara.accounts.presented_tokens import MixedOwners, presented_tokens, require_one_owner
from cara.accounts.profile import profile_of
from cara.accounts.refresh_tokens import (
    RefreshTokenInvalid,
    RefreshTokenReused,
    TokenRefresher,
    owner_of,
    sign_out,
    sign_out_everywhere,
)
from cara.accounts.schemas import (
    Credentials,
    NewAccount,
    PasswordChange,
    Profile,
    Refreshed,
    RefreshToken,
    SignedIn,
    SignedOut,
    Verified,
)
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Connection, Database
from cara.settings import Settings
from cara.web.client_info import client_info
from cara.web.context import CALLER_ID, REQUEST_ID
from cara.web.guard import Caller, count_for_address_if_unauthenticated
from cara.web.handlers import Transaction
from cara.web.models import ApiResponse
from cara.web.rate_limits import RateLimits
from cara.web.routing import Route

TAG = "Accounts"


async def register(
    request: web.Request, authentication: Authentication, settings: Settings, body: NewAccount
) -> ApiResponse[SignedIn]:
    """Create an account and sign in."""
    signed_in = await authentication.register(body, client_info(request))
    request[CALLER_ID] = signed_in.user.id
    return ApiResponse(signed_in, headers=refresh_cookie(signed_in, settings))


async def login(
    request: web.Request, authentication: Authentication, settings: Settings, body: Credentials
) -> ApiResponse[SignedIn]:
    """Sign in with email and password."""
    signed_in = await authentication.sign_in(body, client_info(request))
    request[CALLER_ID] = signed_in.user.id
    return ApiResponse(signed_in, headers=refresh_cookie(signed_in, settings))


async def verify(caller: Caller, connection: Connection) -> Verified:
    """Tell whether the access token is good, and whose it is."""
    return Verified(user=await profile_of(connection, caller.user_id))


async def refresh(
    request: web.Request,
    database: Database,
    refresher: TokenRefresher,
    limits: RateLimits,
    settings: Settings,
    body: RefreshToken | None,
) -> ApiResponse[Refreshed]:
    """Exchange the refresh token for a fresh pair.

    The token comes in the cookie or in the body; while the cookie's token counts, the body is ignored, unless
    its token is of another account: then both are refused. Each token is good once, and for a few seconds
    more for another tab. Use of a spent one ends its whole family.
    """
    presented, client = presented_tokens(request, body, settings), client_info(request)
    known = await refresher.find(presented)
    if usable := next((each for each in known if each.is_usable), None):
        await limits.count(request, usable.owner)
    with count_for_address_if_unauthenticated(request):
        await require_one_owner(database, presented, client)
        refreshed = await refresher.refresh(known, client)
    if owner := owner_of(refreshed.refresh_token):
        request[CALLER_ID] = owner
    return ApiResponse(refreshed, headers=refresh_cookie(refreshed, settings))


async def logout(
    request: web.Request, database: Database, settings: Settings, body: RefreshToken | None
) -> ApiResponse[SignedOut]:
    """Sign out here.

    Ends the refresh tokens of this sign-in, found by the cookie or by any of them in the body. The access
    token goes on until it expires. Tokens of different accounts are refused, and none of them ends.
    """
    presented, client = presented_tokens(request, body, settings), client_info(request)
    await require_one_owner(database, presented, client)
    await sign_out(database, presented, client)
    return ApiResponse(SignedOut(), headers=no_refresh_cookie(settings))


async def logout_all(
    request: web.Request, caller: Caller, transaction: Transaction, settings: Settings
) -> ApiResponse[SignedOut]:
    """Sign out everywhere: every refresh token and every access token of yours ends, this one too."""
    await sign_out_everywhere(transaction, caller.user_id, client_info(request))
    return ApiResponse(SignedOut(), headers=no_refresh_cookie(settings))


async def change_password(
    request: web.Request,
    caller: Caller,
    authentication: Authentication,
    settings: Settings,
    body: PasswordChange,
) -> ApiResponse[SignedOut]:
    """Change your password.

    Every refresh token and every access token of yours ends, this one too: sign in with the new password.
    """
    await authentication.change_password(caller.user_id, body, client_info(request))
    return ApiResponse(SignedOut(), headers=no_refresh_cookie(settings))


async def delete_profile(
    request: web.Request, caller: Caller, database: Database, job_notifier: JobNotifier, settings: Settings
) -> ApiResponse[Profile]:
    """Delete your account and everything that is stored of you, at once and for ever."""
    await delete_account(database, job_notifier, caller.user_id, request.get(REQUEST_ID))
    return ApiResponse(None, headers=no_refresh_cookie(settings))


ROUTES = [
    Route(
        "POST",
        "/api/auth/register",
        register,
        tag=TAG,
        status=201,
        public=True,
        limit="sign-in",
        origin_checked=True,
        errors=(EmailTaken, WeakPassword, PasswordsBusy),
    ),
    Route(
        "POST",
        "/api/auth/login",
        login,
        tag=TAG,
        public=True,
        limit="sign-in",
        origin_checked=True,
        errors=(InvalidCredentials, AccountLocked, PasswordsBusy),
    ),
    Route("GET", "/api/auth/verify", verify, tag=TAG),
    Route(
        "POST",
        "/api/auth/refresh",
        refresh,
        tag=TAG,
        public=True,
        origin_checked=True,
        errors=(RefreshTokenInvalid, RefreshTokenReused, MixedOwners),
    ),
    Route(
        "POST",
        "/api/auth/logout",
        logout,
        tag=TAG,
        public=True,
        origin_checked=True,
        errors=(MixedOwners,),
    ),
    Route("POST", "/api/auth/logout-all", logout_all, tag=TAG),
    Route(
        "POST",
        "/api/auth/password",
        change_password,
        tag=TAG,
        errors=(WeakPassword, WrongPassword, AccountLocked, PasswordsBusy),
    ),
    Route(
        "DELETE",
        "/api/users/me",
        delete_profile,
        tag=profile_routes.TAG,
        status=204,
        responses={204: None},
    ),
    *profile_routes.ROUTES,
]
