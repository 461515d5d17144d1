"""What a page on a sibling domain tries in Chromium: to sign in, to sign out, to slip in its own cookies."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

import pytest

from cara.accounts.cookies import OWNER_COOKIE
from cara.postgres.database import Database
from tests.access_lines import access_lines
from tests.browser.chromium import Page, Profile
from tests.browser.conftest import Serve
from tests.browser.hosts import API, APP, SIBLING, calls, owner_of
from tests.browser.test_front_ends import HOST, REFRESH_COOKIE
from tests.learners import Learner
from tests.waiting import until

Trick = Callable[[Page, str, str], Awaitable[object]]


async def as_a_form(page: Page, url: str, body: str) -> None:
    """The field's name and value make JSON with a member more; the page that answers is shown."""
    name, value = body[:-1] + ', "role": "', '"}'
    shown = await page.leaves_by(
        f"""
        document.body.innerHTML = `<form method="post" enctype="text/plain"><input></form>`;
        const form = document.forms[0], input = form.elements[0];
        form.action = {json.dumps(url)}; input.name = {json.dumps(name)}; input.value = {json.dumps(value)};
        form.submit();
        """
    )
    assert '"code": "origin_refused"' in shown
    await page.visit(SIBLING)


def by_fetch(**options: object) -> Trick:
    async def trick(page: Page, url: str, body: str) -> object:
        sent = {"method": "POST", "credentials": "include", "body": body, **options}
        return await page.run(f"fetch({json.dumps(url)}, {json.dumps(sent)}).then(() => 1, () => 0)")

    return trick


async def by_beacon(page: Page, url: str, body: str) -> None:
    await page.run(f"navigator.sendBeacon({json.dumps(url)}, {json.dumps(body)})")


async def from_a_sandbox(page: Page, url: str, body: str) -> None:
    """A frame without an origin of its own: `Origin: null`."""
    sent = {"method": "POST", "mode": "no-cors", "credentials": "include", "body": body}
    script = f"<script>fetch({json.dumps(url)}, {json.dumps(sent)})</script>"
    await page.run(
        f"""{{
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        frame.srcdoc = {json.dumps(script)};
        document.body.append(frame);
        }}"""
    )


TRICKS: dict[str, Trick] = {
    "a form": as_a_form,
    "a request that it may not read": by_fetch(mode="no-cors"),
    "a request without a referrer": by_fetch(mode="no-cors", referrerPolicy="no-referrer"),
    "a request that it may read": by_fetch(headers={"Content-Type": "text/plain"}),
    "a beacon": by_beacon,
    "a frame in a sandbox": from_a_sandbox,
}


@pytest.fixture
def statuses(caplog: pytest.LogCaptureFixture) -> Callable[[], list[int]]:
    """The statuses of the requests of pages to `/api/auth`, oldest first."""
    caplog.set_level(logging.INFO, "cara.access")

    def found() -> list[int]:
        lines = access_lines(caplog)
        return [line["status"] for line in lines if line["path"].startswith("/api/auth/")]

    return found


async def arrives(statuses: Callable[[], list[int]], count: int) -> list[int]:
    async def look() -> bool:
        return len(statuses()) >= count

    await until(look)
    return statuses()


@pytest.mark.parametrize("name", TRICKS)
async def test_a_sibling_cannot_sign_its_visitor_in(
    serve: Serve, profile: Profile, database: Database, statuses: Callable[[], list[int]], name: str
) -> None:
    attacker = await Learner.registers(await serve())
    page = await profile.opens(SIBLING)
    account = {"email": "new@example.com", "name": "New", "password": "correct horse battery"}
    bodies = {
        "login": {"email": attacker.email, "password": attacker.password},
        "register": account,
        "refresh": {"refreshToken": attacker.refresh_token},
    }
    for path, body in bodies.items():
        await TRICKS[name](page, f"{API}/api/auth/{path}", json.dumps(body))
    assert await arrives(statuses, 4) == [201, 403, 403, 403]
    assert await profile.cookies() == {}
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from audit_log") == 1


async def test_a_sibling_cannot_send_json_at_all(
    serve: Serve, profile: Profile, statuses: Callable[[], list[int]]
) -> None:
    await serve()
    page = await profile.opens(SIBLING)
    as_json = by_fetch(headers={"Content-Type": "application/json"})
    assert await as_json(page, f"{API}/api/auth/login", "{}") == 0
    assert await arrives(statuses, 1) == [403], "the preflight, and nothing behind it"


async def test_a_sibling_cannot_sign_its_visitor_out(
    serve: Serve, profile: Profile, statuses: Callable[[], list[int]]
) -> None:
    learner = await Learner.registers(await serve())
    credentials = {"email": learner.email, "password": learner.password}
    page = await profile.opens(APP)
    await calls(page, "/api/auth/login", credentials)
    sibling = await profile.opens(SIBLING)
    for trick in TRICKS.values():
        await trick(sibling, f"{API}/api/auth/logout", "{}")

    async def all_refused() -> bool:
        return statuses()[-len(TRICKS) :] == [403] * len(TRICKS)

    await until(all_refused)
    assert owner_of(await calls(page, "/api/auth/refresh")) == learner.user["id"]


async def toss(page: Page, token: str, owner: str) -> None:
    """Sets the attacker's cookies for all of example.test: for the path of ours, and for a closer one."""
    await page.run(
        f"""
        for (const path of ["/api/auth", "/api/auth/refresh", "/api/auth/logout", "/"]) {{
            for (const name of ["__Secure-cara_refresh", "cara_refresh"])
                document.cookie = `${{name}}={token}; Domain=example.test; Path=${{path}}; Secure`;
            document.cookie = `{OWNER_COOKIE}={owner}; Domain=example.test; Path=${{path}}; Secure`;
        }}
        """
    )


async def test_a_sibling_cannot_slip_its_own_account_into_a_browser(serve: Serve, profile: Profile) -> None:
    client = await serve()
    attacker, learner = await Learner.registers(client), await Learner.registers(client)
    await toss(await profile.opens(SIBLING), attacker.refresh_token, attacker.user["id"])
    tossed = set(await profile.cookies())
    assert (".example.test", REFRESH_COOKIE) in tossed
    assert OWNER_COOKIE not in {name for _, name in tossed}, "browsers refuse it with a domain"

    page = await profile.opens(APP)
    assert (await calls(page, "/api/auth/refresh"))["code"] == "refresh_token_invalid"
    await calls(page, "/api/auth/login", {"email": learner.email, "password": learner.password})
    assert {(HOST, REFRESH_COOKIE), (HOST, OWNER_COOKIE)} <= set(await profile.cookies())
    assert owner_of(await calls(page, "/api/auth/refresh")) == learner.user["id"]
    await toss(await profile.opens(SIBLING), attacker.refresh_token, attacker.user["id"])
    assert owner_of(await calls(page, "/api/auth/refresh")) == learner.user["id"]

    assert (await calls(page, "/api/auth/logout"))["status"] == 200
    assert (await calls(page, "/api/auth/refresh"))["code"] == "refresh_token_invalid"


async def test_a_sibling_that_crowds_out_the_cookies_only_ends_the_sign_in(
    serve: Serve, profile: Profile
) -> None:
    client = await serve()
    attacker, learner = await Learner.registers(client), await Learner.registers(client)
    page = await profile.opens(APP)
    await calls(page, "/api/auth/login", {"email": learner.email, "password": learner.password})
    sibling = await profile.opens(SIBLING)
    await sibling.run(
        "for (let i = 0; i < 400; i++) document.cookie = `c${i}=1; Domain=example.test; Secure; Path=/x`"
    )
    await toss(sibling, attacker.refresh_token, attacker.user["id"])
    refreshed = await calls(page, "/api/auth/refresh")
    assert refreshed["status"] == 401 or owner_of(refreshed) == learner.user["id"]
