"""HTTP of accounts: registration, sign-in, tokens, deletion. Profiles are in `profile_routes`."""

from aiohttp import web

from cara.accounts import profile_routes
from cara.accounts.authentication import Authentication, EmailTaken, InvalidCredentials
from cara.accounts.cookies import REFRESH_SCHEME, no_refresh_cookie, refresh_cookie
from cara.accounts.deletion import delete_account
from cara.accounts.lockout import AccountLocked
from cara.accounts.new_passwords import WeakPassword
from cara.accounts.passwords import PasswordsBusy
from cara.accounts.presented_tokens import MixedOwners, presented_tokens, require_one_owner
from cara.accounts.profile import user_of
from cara.accounts.reauthentication import Reauthentication, WrongPassword
from cara.accounts.refresh_tokens import (
    RefreshTokenInvalid,
    RefreshTokenReused,
    TokenRefresher,
    owner_of,
)
from cara.accounts.schemas import (
    Credentials,
    NewAccount,
    PasswordChange,
    PasswordConfirmation,
    PresentedRefreshToken,
    Profile,
    Reauthenticated,
    Refreshed,
    SignedIn,
    SignOut,
    Verified,
)
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.accounts.sign_outs import sign_out, sign_out_everywhere
from cara.errors import Unauthenticated
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Database
from cara.settings import Settings
from cara.web.client_info import client_info
from cara.web.context import CALLER_ID, REQUEST_ID
from cara.web.guard import (
    Caller,
    ReauthenticationRequired,
    count_for_address_instead,
    require_recent_authentication,
)
from cara.web.models import ApiResponse
from cara.web.rate_limits import RateLimits
from cara.web.routing import Route

TAG = "Accounts"


async def register(
    request: web.Request, authentication: Authentication, settings: Settings, body: NewAccount
) -> ApiResponse[SignedIn]:
    """Create an account and sign in.

    The response has the tokens of the sign-in, and sets the refresh cookie.
    """
    signed_in = await authentication.register(body, client_info(request))
    request[CALLER_ID] = signed_in.user.id
    return ApiResponse(signed_in, headers=refresh_cookie(signed_in, settings))


async def login(
    request: web.Request, authentication: Authentication, settings: Settings, body: Credentials
) -> ApiResponse[SignedIn]:
    """Sign in with email and password.

    An unknown address and a wrong password get the same response, in the same time. After many failures
    the account is locked for a while.
    """
    signed_in = await authentication.sign_in(body, client_info(request))
    request[CALLER_ID] = signed_in.user.id
    return ApiResponse(signed_in, headers=refresh_cookie(signed_in, settings))


async def verify(caller: Caller) -> ApiResponse[Verified]:
    """Tell whether the access token is good, and whose it is.

    If it is not, the `code` of the 401 says whether to refresh it or to sign in again.
    """
    return ApiResponse({"valid": True, "user": user_of(caller.learner)})


async def refresh(
    request: web.Request,
    database: Database,
    refresher: TokenRefresher,
    limits: RateLimits,
    settings: Settings,
    body: PresentedRefreshToken | None,
) -> ApiResponse[Refreshed]:
    """Exchange the refresh token for a fresh pair.

    The token comes in the cookie or in the body; while the cookie's token counts, the body is ignored, unless
    its token is of another account: then both are refused. Each token is good once, and for a few seconds
    more for another tab, which gets the same successor. Later use of a spent one ends the whole sign-in.
    """
    presented, client = presented_tokens(request, body, settings), client_info(request)
    known = await refresher.find(presented)
    if usable := next((each for each in known if each.is_usable), None):
        await limits.count(request, usable.owner)
    try:
        await require_one_owner(database, presented, client)
        refreshed = await refresher.refresh(known, client)
    except Unauthenticated:
        count_for_address_instead(request)
        raise
    if owner := owner_of(refreshed.refresh_token):
        request[CALLER_ID] = owner
    return ApiResponse(refreshed, headers=refresh_cookie(refreshed, settings))


async def logout(
    request: web.Request,
    database: Database,
    sign_out_notifier: SignOutNotifier,
    settings: Settings,
    body: PresentedRefreshToken | None,
) -> ApiResponse[SignOut]:
    """Sign out here.

    Ends this sign-in, found by the refresh token in the cookie or by any of its refresh tokens in the body,
    with its access tokens and open event streams. Tokens of different accounts are refused, and none of them
    ends.
    """
    presented, client = presented_tokens(request, body, settings), client_info(request)
    await require_one_owner(database, presented, client)
    await sign_out(database, sign_out_notifier, presented, client)
    return ApiResponse(SignOut(), headers=no_refresh_cookie(settings))


async def logout_all(
    request: web.Request,
    caller: Caller,
    database: Database,
    sign_out_notifier: SignOutNotifier,
    settings: Settings,
) -> ApiResponse[SignOut]:
    """Sign out everywhere.

    Every token of yours ends, this one too, and every open event stream.
    """
    async with database.transaction() as connection:
        await sign_out_everywhere(connection, caller.user_id, client_info(request))
    await sign_out_notifier.notify(caller.user_id)
    return ApiResponse(SignOut(), headers=no_refresh_cookie(settings))


async def reauthenticate(
    request: web.Request, caller: Caller, reauthentication: Reauthentication, body: PasswordConfirmation
) -> Reauthenticated:
    """Type your password again, as exporting your data and deleting your account ask for.

    A wrong one is a 401 with `invalid_credentials`; the access token stays good.
    """
    return await reauthentication.reauthenticate(
        caller, body.password.get_secret_value(), client_info(request)
    )


async def change_password(
    request: web.Request,
    caller: Caller,
    reauthentication: Reauthentication,
    settings: Settings,
    body: PasswordChange,
) -> ApiResponse[SignOut]:
    """Change your password.

    Every refresh token and every access token of yours ends, this one too: sign in with the new password.
    """
    await reauthentication.change_password(caller.user_id, body, client_info(request))
    return ApiResponse(SignOut(), headers=no_refresh_cookie(settings))


async def delete_profile(
    request: web.Request,
    caller: Caller,
    reauthentication: Reauthentication,
    database: Database,
    job_notifier: JobNotifier,
    settings: Settings,
    body: PasswordConfirmation | None,
) -> ApiResponse[Profile]:
    """Delete your account and everything that is stored of you, at once and for ever.

    The password must have been typed within five minutes, or comes in the body.
    """
    if body:
        password = body.password.get_secret_value()
        await reauthentication.reauthenticate(caller, password, client_info(request))
    else:
        require_recent_authentication(caller)
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
        security=(REFRESH_SCHEME, None),
        origin_checked=True,
        errors=(RefreshTokenInvalid, RefreshTokenReused, MixedOwners),
    ),
    Route(
        "POST",
        "/api/auth/logout",
        logout,
        tag=TAG,
        public=True,
        security=(REFRESH_SCHEME, None),
        origin_checked=True,
        errors=(MixedOwners,),
    ),
    Route("POST", "/api/auth/logout-all", logout_all, tag=TAG),
    Route(
        "POST",
        "/api/auth/reauthenticate",
        reauthenticate,
        tag=TAG,
        limit="sign-in",
        errors=(WrongPassword, AccountLocked, PasswordsBusy),
    ),
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
        errors=(ReauthenticationRequired, WrongPassword, AccountLocked, PasswordsBusy),
    ),
    *profile_routes.ROUTES,
]
