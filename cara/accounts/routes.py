"""HTTP of accounts: registering, signing in, tokens, signing out. Profiles are in `profile_routes`."""

from aiohttp import web

from cara.accounts import profile_routes, profiles, signing_out
from cara.accounts.changing_passwords import ChangingPasswords, WrongPassword
from cara.accounts.cookies import no_refresh_cookie, offered_tokens, refresh_cookie
from cara.accounts.lockout import AccountLocked
from cara.accounts.passwords import PasswordsBusy, WeakPassword
from cara.accounts.refresh import Refreshing, RefreshTokenInvalid, RefreshTokenReused, owner_of
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
from cara.accounts.signing_in import EmailTaken, InvalidCredentials, SignIn
from cara.accounts.visitors import visitor_of
from cara.database import Connection, Database
from cara.settings import Settings
from cara.web.context import CALLER_ID, Caller
from cara.web.guard import stranger_if_refused
from cara.web.handlers import Transaction
from cara.web.models import Answered
from cara.web.rate_limits import RateLimits
from cara.web.routing import Route

TAG = "Accounts"


async def register(
    request: web.Request, sign_in: SignIn, settings: Settings, body: NewAccount
) -> Answered[SignedIn]:
    """Create an account and sign in."""
    answer = await sign_in.register(body, visitor_of(request))
    request[CALLER_ID] = answer.user.id
    return Answered(answer, headers=refresh_cookie(answer.refresh_token, settings))


async def login(
    request: web.Request, sign_in: SignIn, settings: Settings, body: Credentials
) -> Answered[SignedIn]:
    """Sign in with email and password."""
    answer = await sign_in.sign_in(body, visitor_of(request))
    request[CALLER_ID] = answer.user.id
    return Answered(answer, headers=refresh_cookie(answer.refresh_token, settings))


async def verify(caller: Caller, connection: Connection) -> Verified:
    """Tell whether the access token is good, and whose it is."""
    return Verified(user=await profiles.profile_of(connection, caller.user_id))


async def refresh(
    request: web.Request,
    refreshing: Refreshing,
    limits: RateLimits,
    settings: Settings,
    body: RefreshToken | None,
) -> Answered[Refreshed]:
    """Exchange the refresh token for a fresh pair.

    The token comes in the cookie or in the body; while the cookie's token counts, the body is ignored. Each
    token is good once, and for a few seconds more for another tab. Use of a spent one ends its whole family.
    """
    known = await refreshing.known(offered_tokens(request, body))
    if counting := next((each for each in known if each.counts), None):
        await limits.count(request, counting.owner)
    with stranger_if_refused(request):
        answer = await refreshing.refresh(known, visitor_of(request))
    if owner := owner_of(answer.refresh_token):
        request[CALLER_ID] = owner
    return Answered(answer, headers=refresh_cookie(answer.refresh_token, settings))


async def logout(
    request: web.Request, database: Database, settings: Settings, body: RefreshToken | None
) -> Answered[SignedOut]:
    """Sign out here.

    Ends the refresh tokens of this sign-in, found by the cookie or by any of them in the body. The access
    token goes on until it expires.
    """
    await signing_out.sign_out(database, offered_tokens(request, body), visitor_of(request))
    return Answered(SignedOut(), headers=no_refresh_cookie(settings))


async def logout_all(
    request: web.Request, caller: Caller, transaction: Transaction, settings: Settings
) -> Answered[SignedOut]:
    """Sign out everywhere: every refresh token and every access token of yours ends, this one too."""
    await signing_out.sign_out_everywhere(transaction, caller.user_id, visitor_of(request))
    return Answered(SignedOut(), headers=no_refresh_cookie(settings))


async def change_password(
    request: web.Request,
    caller: Caller,
    changing: ChangingPasswords,
    settings: Settings,
    body: PasswordChange,
) -> Answered[SignedOut]:
    """Change your password.

    Every refresh token and every access token of yours ends, this one too: sign in with the new password.
    """
    await changing.change(caller.user_id, body, visitor_of(request))
    return Answered(SignedOut(), headers=no_refresh_cookie(settings))


ROUTES = [
    Route(
        "POST",
        "/api/auth/register",
        register,
        tag=TAG,
        status=201,
        public=True,
        refusals=(EmailTaken, WeakPassword, PasswordsBusy),
    ),
    Route(
        "POST",
        "/api/auth/login",
        login,
        tag=TAG,
        public=True,
        refusals=(InvalidCredentials, AccountLocked, PasswordsBusy),
    ),
    Route("GET", "/api/auth/verify", verify, tag=TAG),
    Route(
        "POST",
        "/api/auth/refresh",
        refresh,
        tag=TAG,
        public=True,
        refusals=(RefreshTokenInvalid, RefreshTokenReused),
    ),
    Route("POST", "/api/auth/logout", logout, tag=TAG, public=True),
    Route("POST", "/api/auth/logout-all", logout_all, tag=TAG),
    Route(
        "POST",
        "/api/auth/password",
        change_password,
        tag=TAG,
        refusals=(WeakPassword, WrongPassword, AccountLocked, PasswordsBusy),
    ),
    *profile_routes.ROUTES,
]
