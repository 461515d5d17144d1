"""The console: its files, its content security policy, and where it is served."""

from __future__ import annotations

import re
from secrets import token_urlsafe
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
    "/console/api.js": "text/javascript",
    "/console/render.js": "text/javascript",
    "/console/mark.svg": "image/svg+xml",
}


@pytest.mark.parametrize(("path", "media_type"), FILES.items())
async def test_each_file_has_its_media_type_and_a_same_origin_policy(client, path, media_type):
    response = await client.get(path)
    assert response.status == 200
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    directives = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert directives["base-uri"] == directives["form-action"] == directives["trusted-types"] == "'none'"
    assert directives["require-trusted-types-for"] == "'script'"


async def test_the_page_has_no_inline_script_or_style_and_links_only_served_files(client):
    page = await (await client.get("/console")).text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("/")
        assert (await client.get(address)).status in (200, 503), address


async def test_the_scripts_import_only_served_files_and_never_parse_text_as_html(client):
    for path in (path for path in FILES if path.endswith(".js")):
        script = await (await client.get(path)).text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script)
        assert not re.search(r"https?://", script)
        for imported in re.findall(r'from "([^"]+)"', script):
            assert urljoin(path, imported) in FILES


async def test_every_element_that_the_scripts_look_up_is_on_the_page(client):
    page = await (await client.get("/console")).text()
    scripts = "".join([await (await client.get(path)).text() for path in FILES if path.endswith(".js")])
    ids = set(re.findall(r'\b(?:at|measure|onSubmit)\("([^"]+)"', scripts))
    assert ids
    assert ids <= set(re.findall(r'\bid="([^"]+)"', page))


async def test_the_sample_talks_are_public(client):
    response = await client.get("/console/samples")
    assert response.status == 200
    listed = await response.json()
    assert listed["featureTypes"] == list(FEATURE_TYPES)
    assert [talk["name"] for talk in listed["samples"]] == [sample.name for sample in SAMPLES]
    for talk in listed["samples"]:
        assert talk["featureType"] in FEATURE_TYPES
        assert talk["title"]
        assert talk["transcript"]
        assert talk["durationSeconds"] > 0


async def test_the_console_is_not_in_the_openapi_document(client):
    document = await (await client.get("/api/openapi.json")).json()
    assert not [path for path in document["paths"] if path.startswith("/console")]


@pytest.mark.parametrize("changes", [{"environment": "production"}, {"console": "off"}])
async def test_a_disabled_console_is_not_found(aiohttp_client, settings, changes):
    client = await aiohttp_client(create_app(settings.model_copy(update=changes)))
    for path in (*FILES, "/console/samples"):
        response = await client.get(path)
        assert response.status == 404, path
        assert (await response.json())["code"] == "not_found"


@pytest.mark.parametrize(
    ("environment", "console", "enabled"),
    [
        ("development", None, True),
        ("development", "off", False),
        ("production", None, False),
        ("production", "on", True),
    ],
)
def test_production_serves_the_console_only_if_it_is_enabled(environment, console, enabled):
    assert settings_of(environment, console).console_enabled is enabled


def settings_of(environment: str, console: str | None) -> Settings:
    return make_settings(
        environment=environment,
        console=console,
        rate_limits="on",
        jwt_secret=token_urlsafe(48),
        frontend_url=("https://app.example.com",),
        database_url="postgresql://localhost/cara",
        redis_url="redis://localhost",
    )
