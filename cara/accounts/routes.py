"""HTTP of accounts: registering, signing in, tokens, signing out. Profiles are in `profile_routes`."""

from aiohttp import web

from cara.accounts import profile, profile_routes, signing_out
from cara.accounts.authentication import EmailTaken, InvalidCredentials, SignIn
from cara.accounts.cookies import no_refresh_cookie, offered_tokens, refresh_cookie
from cara.accounts.lockout import AccountLocked
from cara.accounts.password_change import ChangingPasswords, WrongPassword
from cara.accounts.passwords import PasswordsBusy, WeakPassword
from cara.accounts.refresh_tokens import Refreshing, RefreshTokenInvalid, RefreshTokenReused, owner_of
from cara.accounts.schemas import (
    Credentials,
    NewAccount,
    PasswordChange,
    Refreshed,
    RefreshToken,
    SignedIn,
    SignedOut,
    Verified,
)
from cara.postgres.database import Connection, Database
from cara.settings import Settings
from cara.web.client_info import client_info
from cara.web.context import CALLER_ID
from cara.web.guard import Caller, count_for_address_if_unauthenticated
from cara.web.handlers import Transaction
from cara.web.models import ApiResponse
from cara.web.rate_limits import RateLimits
from cara.web.routing import Route

TAG = "Accounts"


async def register(
    request: web.Request, sign_in: SignIn, settings: Settings, body: NewAccount
) -> ApiResponse[SignedIn]:
    """Create an account and sign in."""
    answer = await sign_in.register(body, client_info(request))
    request[CALLER_ID] = answer.user.id
    return ApiResponse(answer, headers=refresh_cookie(answer.refresh_token, settings))


async def login(
    request: web.Request, sign_in: SignIn, settings: Settings, body: Credentials
) -> ApiResponse[SignedIn]:
    """Sign in with email and password."""
    answer = await sign_in.sign_in(body, client_info(request))
    request[CALLER_ID] = answer.user.id
    return ApiResponse(answer, headers=refresh_cookie(answer.refresh_token, settings))


async def verify(caller: Caller, connection: Connection) -> Verified:
    """Tell whether the access token is good, and whose it is."""
    return Verified(user=await profile.profile_of(connection, caller.user_id))


async def refresh(
    request: web.Request,
    refreshing: Refreshing,
    limits: RateLimits,
    settings: Settings,
    body: RefreshToken | None,
) -> ApiResponse[Refreshed]:
    """Exchange the refresh token for a fresh pair.

    The token comes in the cookie or in the body; while the cookie's token counts, the body is ignored. Each
    token is good once, and for a few seconds more for another tab. Use of a spent one ends its whole family.
    """
    known = await refreshing.known(offered_tokens(request, body))
    if counting := next((each for each in known if each.counts), None):
        await limits.count(request, counting.owner)
    with count_for_address_if_unauthenticated(request):
        answer = await refreshing.refresh(known, client_info(request))
    if owner := owner_of(answer.refresh_token):
        request[CALLER_ID] = owner
    return ApiResponse(answer, headers=refresh_cookie(answer.refresh_token, settings))


async def logout(
    request: web.Request, database: Database, settings: Settings, body: RefreshToken | None
) -> ApiResponse[SignedOut]:
    """Sign out here.

    Ends the refresh tokens of this sign-in, found by the cookie or by any of them in the body. The access
    token goes on until it expires.
    """
    await signing_out.sign_out(database, offered_tokens(request, body), client_info(request))
    return ApiResponse(SignedOut(), headers=no_refresh_cookie(settings))


async def logout_all(
    request: web.Request, caller: Caller, transaction: Transaction, settings: Settings
) -> ApiResponse[SignedOut]:
    """Sign out everywhere: every refresh token and every access token of yours ends, this one too."""
    await signing_out.sign_out_everywhere(transaction, caller.user_id, client_info(request))
    return ApiResponse(SignedOut(), headers=no_refresh_cookie(settings))


async def change_password(
    request: web.Request,
    caller: Caller,
    changing: ChangingPasswords,
    settings: Settings,
    body: PasswordChange,
) -> ApiResponse[SignedOut]:
    """Change your password.

    Every refresh token and every access token of yours ends, this one too: sign in with the new password.
    """
    await changing.change(caller.user_id, body, client_info(request))
    return ApiResponse(SignedOut(), headers=no_refresh_cookie(settings))


ROUTES = [
    Route(
        "POST",
        "/api/auth/register",
        register,
        tag=TAG,
        status=201,
        public=True,
        limit="sign-in",
        errors=(EmailTaken, WeakPassword, PasswordsBusy),
    ),
    Route(
        "POST",
        "/api/auth/login",
        login,
        tag=TAG,
        public=True,
        limit="sign-in",
        errors=(InvalidCredentials, AccountLocked, PasswordsBusy),
    ),
    Route("GET", "/api/auth/verify", verify, tag=TAG),
    Route(
        "POST",
        "/api/auth/refresh",
        refresh,
        tag=TAG,
        public=True,
        errors=(RefreshTokenInvalid, RefreshTokenReused),
    ),
    Route("POST", "/api/auth/logout", logout, tag=TAG, public=True),
    Route("POST", "/api/auth/logout-all", logout_all, tag=TAG),
    Route(
        "POST",
        "/api/auth/password",
        change_password,
        tag=TAG,
        errors=(WeakPassword, WrongPassword, AccountLocked, PasswordsBusy),
    ),
    *profile_routes.ROUTES,
]
