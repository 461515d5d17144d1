"""The documentation page and its Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
import re


async def test_the_page_runs_its_own_style_and_script_and_nothing_else(client):
    response = await client.get("/api/docs")
    assert response.status == 200
    assert response.content_type == "text/html"
    page, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        [content] = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


async def test_the_page_loads_nothing_from_other_hosts(client):
    page = await (await client.get("/api/docs")).text()
    assert not re.search(r"https?://|url\(|@import|innerHTML|<link|\bsrc=", page)
    assert set(re.findall(r'href="([^"]+)"', page)) == {"openapi.json"}


async def test_the_other_answers_still_allow_no_content_at_all(client):
    response = await client.get("/api/openapi.json")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
