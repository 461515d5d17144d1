"""Registration: which emails and names are accepted, and which spellings find an account."""

from __future__ import annotations

from typing import Any

import pytest

from cara.postgres.database import Database
from cara.settings import Settings
from tests.accounts.signing import Client, posts, signs_in
from tests.learners import Learner

PASSWORD = "correct horse battery"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Cheap hashes."""
    return settings.model_copy(update={"password_memory_kib": 64, "password_time_cost": 1})


async def _registers(client: Client, **changes: Any) -> tuple[int, dict[str, Any]]:
    account = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD, **changes}
    response = await posts(client, "/api/auth/register", account)
    return response.status, await response.json()


SPELLINGS = {
    "ade\u0301@example.com": ["ad\u00e9@example.com", "ade\u0301@EXAMPLE.com"],
    "ad\u00e9@example.com": ["ade\u0301@example.com"],
    "Ada@Example.COM": ["ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com "],
    "ada@B\u00dcCHER.example": ["ada@bu\u0308cher.example", "ADA@xn--bcher-kva.example"],
    "ada@xn--bcher-kva.example": ["ada@b\u00fccher.example", "ada@B\u00dcCHER.EXAMPLE"],
}


@pytest.mark.parametrize(("registered", "typed"), SPELLINGS.items())
async def test_an_account_is_found_under_every_spelling_of_its_email(
    client: Client, registered: str, typed: list[str]
) -> None:
    assert (await _registers(client, email=registered))[0] == 201
    for spelling in (registered, *typed):
        assert (await signs_in(client, spelling, PASSWORD))[0] == 200, spelling
        status, refused = await _registers(client, email=spelling)
        assert (status, refused["code"]) == (409, "email_taken"), spelling


async def test_an_email_that_is_no_longer_accepted_at_registration_still_signs_in(
    client: Client, learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        await connection.execute("update users set email = 'Ada@localhost'")
    assert (await signs_in(client, "ada@LOCALHOST", learner.password))[0] == 200


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("Ada <ada@example.com>", "must be the address alone, without a name before it"),
        ("<ada@example.com>", "must be the address alone, without a name before it"),
        ("nonsense", "must be an email address"),
        ("ada@example.com\nbcc: eve@example.com", "must be an email address"),
        (f"ada@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.example", "at most 254 characters"),
        ("a" * 100_000 + "@example.com", "at most 254 characters"),
        (None, "must be a string"),
    ],
)
async def test_an_invalid_email_is_refused_with_the_reason(
    client: Client, email: str | None, why: str
) -> None:
    status, refused = await _registers(client, email=email)
    assert (status, refused["code"]) == (400, "invalid_input")
    [problem] = refused["errors"]
    assert problem["field"] == "email"
    assert why in problem["message"]


BLANK = {
    "nothing": "",
    "spaces": " \u00a0\u3000\u2003",
    "line ends": "\n\t\n",
    "no width": "\u200b\u200d\u2060\ufeff",
    "marks of direction": "\u200f\u200e\u2067\u2069",
    "fillers": "\u3164\u115f\uffa0\u2800",
    "selectors": "\ufe0f\U000e0101",
    "tags": "\U000e0041\U000e007f",
    "markup alone": "<b> </b>",
}
VISIBLE = [
    "\u05e2\u05d3\u05d4",
    "\u200f\u0645\u0631\u062d\u0628\u0627",
    "\u2067\u05d0\u05d1\u05d2\u2069 Ada",
    "\U0001f469\u200d\U0001f4bb",
    "\u2764\ufe0f",
    "\U0001fae9",  # an emoji of 2024, newer than what Python 3.11 knows
    "1\ufe0f\u20e3",
    "O'Neill-\u0141ukasz",
    "\uff21\uff44\uff41",
    ".",
]


@pytest.mark.parametrize("name", BLANK.values(), ids=BLANK)
async def test_an_invisible_name_is_refused(client: Client, learner: Learner, name: str) -> None:
    status, refused = await _registers(client, name=name)
    assert (status, refused["code"]) == (400, "invalid_input")
    assert [problem["field"] for problem in refused["errors"]] == ["name"]
    await learner.expects(400, "PATCH", "/api/users/me", json={"name": name})


async def test_a_name_of_any_script_is_stored_as_it_is(client: Client, learner: Learner) -> None:
    for number, name in enumerate(VISIBLE):
        status, body = await _registers(client, email=f"somebody-{number}@example.com", name=name)
        assert (status, body["user"]["name"]) == (201, name)
        assert (await learner.expects(200, "PATCH", "/api/users/me", json={"name": name}))["name"] == name
