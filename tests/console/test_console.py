from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest

from cara.app import create_app
from cara.practice.schemas import FEATURE_TYPES
from cara.samples import SAMPLES
from cara.settings import Settings
from tests.conftest import make_settings

FILES = {
    "/console": "text/html",
    "/console/page.css": "text/css",
    "/console/page.js": "text/javascript",
    "/console/calls.js": "text/javascript",
    "/console/showing.js": "text/javascript",
    "/console/mark.svg": "image/svg+xml",
}


@pytest.mark.parametrize(("path", "media_type"), FILES.items())
async def test_each_file_comes_with_its_type_and_may_reach_only_where_it_came_from(client, path, media_type):
    response = await client.get(path)
    assert response.status == 200
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    directives = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"


async def test_the_page_has_no_script_or_style_in_it_and_names_only_files_that_are_served(client):
    page = await (await client.get("/console")).text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("/")
        assert (await client.get(address)).status in (200, 503), address


async def test_the_scripts_import_only_what_is_served_and_never_read_text_as_html(client):
    for path in (path for path in FILES if path.endswith(".js")):
        script = await (await client.get(path)).text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script)
        assert not re.search(r"https?://", script)
        for imported in re.findall(r'from "([^"]+)"', script):
            assert urljoin(path, imported) in FILES


async def test_every_element_that_the_scripts_ask_for_is_on_the_page(client):
    page = await (await client.get("/console")).text()
    scripts = "".join([await (await client.get(path)).text() for path in FILES if path.endswith(".js")])
    asked = set(re.findall(r'\b(?:at|measure|onSubmit)\("([^"]+)"', scripts))
    assert asked
    assert asked <= set(re.findall(r'\bid="([^"]+)"', page))


async def test_the_shipped_talks_are_listed_for_anybody(client):
    response = await client.get("/console/samples")
    assert response.status == 200
    offered = await response.json()
    assert offered["featureTypes"] == list(FEATURE_TYPES)
    assert [talk["name"] for talk in offered["samples"]] == [sample.name for sample in SAMPLES]
    for talk in offered["samples"]:
        assert talk["featureType"] in FEATURE_TYPES
        assert talk["title"]
        assert talk["transcript"]
        assert talk["durationSeconds"] > 0


async def test_the_console_is_no_part_of_the_described_interface(client):
    document = await (await client.get("/api/openapi.json")).json()
    assert not [path for path in document["paths"] if path.startswith("/console")]


@pytest.mark.parametrize("changes", [{"environment": "production"}, {"console": "off"}])
async def test_where_it_is_not_to_be_shown_there_is_no_console(aiohttp_client, settings, changes):
    client = await aiohttp_client(create_app(settings.model_copy(update=changes)))
    for path in (*FILES, "/console/samples"):
        response = await client.get(path)
        assert response.status == 404, path
        assert (await response.json())["code"] == "not_found"


@pytest.mark.parametrize(
    ("environment", "console", "shown"),
    [
        ("development", None, True),
        ("development", "off", False),
        ("production", None, False),
        ("production", "on", True),
    ],
)
def test_production_shows_the_console_only_when_told_to(environment, console, shown):
    assert settings_of(environment, console).console_shown is shown


def settings_of(environment: str, console: str | None) -> Settings:
    return make_settings(
        environment=environment,
        console=console,
        rate_limits="on",
        database_url="postgresql://localhost/cara",
        redis_url="redis://localhost",
    )
