"""Pages that send an event by `navigator.sendBeacon` while they are being left, in Chromium."""

from __future__ import annotations

import json
import logging

import pytest

from cara.analytics.beacons import EVENTS_PATH
from cara.postgres.database import Database
from tests.access_lines import access_lines
from tests.browser.chromium import Page, Profile
from tests.browser.conftest import Serve
from tests.browser.hosts import API, APP, OTHER_SITE, SIBLING, calls
from tests.browser.test_front_ends import ACCOUNT
from tests.waiting import until

EVENT = {"eventType": "page.left", "metadata": {"page": "practice"}}


async def leaves(page: Page, next_page: str, beacon: str) -> None:
    """Leaves the page for the next one; it sends an event to that address meanwhile."""
    sending = f"navigator.sendBeacon({json.dumps(API + beacon)}, JSON.stringify({json.dumps(EVENT)}))"
    await page.run(f"""addEventListener("pagehide", () => {sending})""")
    await page.visit(next_page)


async def test_the_token_in_the_address_decides_and_no_cookie(
    serve: Serve, profile: Profile, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cara.access")
    await serve()
    page = await profile.opens(APP)
    registered = await calls(page, "/api/auth/register", ACCOUNT)
    asking = f"""
        fetch("{API}/api/analytics/beacon-addresses",
              {{method: "POST", headers: {{Authorization: "Bearer {registered["accessToken"]}"}}}})
        .then(response => response.json())
    """
    address = (await page.run(asking))["url"]

    async def answered() -> list[int]:
        """The statuses of both posts, as soon as there are two."""
        lines = access_lines(caplog)
        statuses = [line["status"] for line in lines if line["path"] == EVENTS_PATH]
        return statuses if len(statuses) == 2 else []

    await leaves(page, SIBLING, address)
    await leaves(page, OTHER_SITE, EVENTS_PATH)
    assert sorted(await until(answered)) == [201, 401]
    async with database.acquire() as connection:
        (row,) = await connection.fetch("select user_id, event_type, metadata from analytics_events")
    assert (str(row["user_id"]), row["event_type"]) == (registered["user"]["id"], "page.left")
    assert json.loads(row["metadata"].raw) == EVENT["metadata"]
