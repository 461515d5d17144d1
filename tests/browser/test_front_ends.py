"""Front ends in Chromium: on the host of the API, on another host of its site, and on another site."""

from __future__ import annotations

import pytest

from cara.accounts.cookies import OWNER_COOKIE
from tests.browser.chromium import Page, Profile, ScriptFailed
from tests.browser.conftest import Serve
from tests.browser.hosts import API, APP, OTHER_SITE, SIBLING, calls, owner_of, pages

REFRESH_COOKIE = "__Secure-cara_refresh"
ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
HOST = "api.example.test"


async def test_a_front_end_on_another_host_signs_in_refreshes_and_signs_out(
    serve: Serve, profile: Profile
) -> None:
    await serve()
    page = await profile.opens(APP)
    registered = await calls(page, "/api/auth/register", ACCOUNT)
    assert registered["status"] == 201
    assert set(await profile.cookies()) == {(HOST, REFRESH_COOKIE), (HOST, OWNER_COOKIE)}
    assert await page.run("document.cookie") == ""
    for token in (None, registered["refreshToken"]):
        refreshed = await calls(page, "/api/auth/refresh", {"refreshToken": token} if token else None)
        assert owner_of(refreshed) == registered["user"]["id"]

    assert (await calls(page, "/api/auth/logout"))["signedOut"]
    assert await profile.cookies() == {}
    for body in (None, {"refreshToken": registered["refreshToken"]}):
        assert (await calls(page, "/api/auth/refresh", body))["code"] == "refresh_token_invalid"


async def test_a_page_on_the_host_of_the_api_signs_in_and_refreshes(serve: Serve, profile: Profile) -> None:
    await serve(frontend_url=())
    page = await profile.opens(f"{API}/health")
    signing_in = """
        fetch("/api/auth/register", {method: "POST", headers: {"Content-Type": "application/json"},
              body: `{"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}`})
        .then(() => fetch("/api/auth/refresh", {method: "POST"})).then(response => response.status)
    """
    with pytest.raises(ScriptFailed):  # what Cara answers has a policy against scripts that call
        await page.run(signing_in)
    await page.visit(f"{API}/api/docs")
    assert await page.run(signing_in) == 200


async def test_a_front_end_on_another_site_stays_signed_in_with_none(
    serve: Serve, profile: Profile, lenient_profile: Profile
) -> None:
    """With `Partitioned` also in browsers that block the cookies of other sites."""
    await serve(refresh_cookie_samesite="none")
    for blocked, person in ((True, profile), (False, lenient_profile)):
        page = await person.opens(OTHER_SITE)
        assert [await _keeps_unpartitioned_cookies(page) for _ in range(2)] == [False, not blocked]
        registered = await calls(page, "/api/auth/register", ACCOUNT | {"email": f"{blocked}@example.com"})
        for _ in range(10):
            await page.visit(OTHER_SITE)
            assert owner_of(await calls(page, "/api/auth/refresh")) == registered["user"]["id"]
        await calls(page, "/api/auth/logout")
        assert (await calls(page, "/api/auth/refresh"))["code"] == "refresh_token_invalid"
        assert HOST not in {domain for domain, _ in await person.cookies()}


async def test_pages_elsewhere_cannot_use_the_sign_in_of_a_front_end_on_another_site(
    serve: Serve, lenient_profile: Profile
) -> None:
    """Without SameSite the origin check keeps them out; and the cookie is the front end's alone."""
    await serve(refresh_cookie_samesite="none", frontend_url=(OTHER_SITE, APP))
    page = await lenient_profile.opens(OTHER_SITE)
    registered = await calls(page, "/api/auth/register", ACCOUNT)
    sibling = await lenient_profile.opens(SIBLING)
    with pytest.raises(ScriptFailed):
        await calls(sibling, "/api/auth/logout")
    app = await lenient_profile.opens(APP)
    assert (await calls(app, "/api/auth/refresh"))["code"] == "refresh_token_invalid"
    assert owner_of(await calls(page, "/api/auth/refresh")) == registered["user"]["id"]


async def _keeps_unpartitioned_cookies(page: Page) -> bool:
    seen: bool = await page.run(
        f"""fetch("{SIBLING}/unpartitioned", {{credentials: "include"}}).then(seen => seen.json())"""
    )
    return seen


@pytest.mark.parametrize("same_site", ["strict", "lax"])
async def test_a_front_end_on_another_site_has_no_cookie_otherwise_and_uses_the_body(
    serve: Serve, profile: Profile, same_site: str
) -> None:
    await serve(refresh_cookie_samesite=same_site)
    page = await profile.opens(OTHER_SITE)
    registered = await calls(page, "/api/auth/register", ACCOUNT)
    assert registered["status"] == 201
    assert await profile.cookies() == {}
    assert (await calls(page, "/api/auth/refresh"))["code"] == "refresh_token_invalid"
    refreshed = await calls(page, "/api/auth/refresh", {"refreshToken": registered["refreshToken"]})
    assert owner_of(refreshed) == registered["user"]["id"]


@pytest.mark.parametrize("same_site", ["strict", "none"])
async def test_a_developer_needs_no_tls_on_localhost(
    serve: Serve, profile: Profile, aiohttp_server, same_site: str
) -> None:
    """Browsers keep `Secure` cookies of http://localhost."""
    front_end = await aiohttp_server(pages())
    origin = f"http://localhost:{front_end.port}"
    client = await serve(environment="development", refresh_cookie_samesite=same_site, frontend_url=(origin,))
    api = f"http://localhost:{client.port}"
    page = await profile.opens(origin)
    registered = await calls(page, "/api/auth/register", ACCOUNT, api=api)
    for _ in range(2):
        refreshed = await calls(page, "/api/auth/refresh", api=api)
        assert owner_of(refreshed) == registered["user"]["id"]
    assert set(await profile.cookies()) == {("localhost", "cara_refresh")}
