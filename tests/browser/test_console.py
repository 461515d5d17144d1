"""The console in Chromium: whoever a transcript does not tell is asked for, and then judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser.chromium import Profile
from tests.browser.conftest import Serve
from tests.browser.hosts import API

ZOOM = (Path(__file__).parents[1] / "transcripts/files/zoom.vtt").read_text()
SHOWN = """
    new Promise(resolve => {
        const look = () => condition() ? resolve(shown()) : setTimeout(look, 20);
        look();
    })
"""
REGISTER = """
    (() => {
        const form = document.getElementById("entry");
        form.elements.email.value = "ada@example.com";
        form.elements.name.value = "Ada";
        form.elements.password.value = "correct horse battery";
        form.requestSubmit(form.querySelector("button[value=register]"));
    })()
"""


def once(condition: str, shown: str) -> str:
    """A script that waits for a condition, and then gives what is shown."""
    return SHOWN.replace("condition()", condition).replace("shown()", shown)


@pytest.mark.usefixtures("worker")
async def test_the_learner_chooses_who_they_are(serve: Serve, profile: Profile) -> None:
    await serve(console="on")
    page = await profile.opens(f"{API}/console")
    await page.run(once("document.getElementById('samples').children.length", "0"))
    await page.run(REGISTER)
    await page.run(once("!document.getElementById('workspace').hidden", "0"))
    await page.run(f"document.querySelector('[name=transcript]').value = {json.dumps(ZOOM)}")
    await page.run("document.getElementById('practice').requestSubmit()")
    buttons = "[...document.querySelectorAll('#speakers button')]"
    shown = await page.run(
        once("!document.getElementById('which').hidden", f"{buttons}.map(one => one.textContent)")
    )
    assert shown == ["Bob Roe · 13 words", "Ann Lee · 27 words", "None of them"]
    await page.run(f"{buttons}[1].click()")
    words = "document.querySelector('#result .tiles dd')"
    assert str(await page.run(once(words, f"{words}.textContent"))).startswith("27")
    assert await page.run("document.getElementById('which').hidden")
