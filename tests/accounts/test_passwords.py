from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from cara.accounts.passwords import Passwords, PasswordsBusy, Verified, WeakPassword, check_new_password

CHEAP = {"time_cost": 1, "memory_kib": 64}
SLOW = {"time_cost": 25, "memory_kib": 19_456}
WAIT_SECONDS = 10

Opened = Callable[..., Passwords]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Makes Passwords of the given cost and closes them all in the end."""
    made: list[Passwords] = []

    def open_passwords(**settings: int) -> Passwords:
        made.append(Passwords(**settings))
        return made[-1]

    yield open_passwords
    for passwords in made:
        passwords.close()


async def test_the_right_password_is_let_in_and_a_wrong_one_is_not(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    stored = await passwords.hash(" pass wörd 🔑 ")
    assert await passwords.verify(stored, " pass wörd 🔑 ") == Verified(ok=True)
    for wrong in ("pass wörd 🔑", " Pass wörd 🔑 ", "", "\ud800", "x" * 100_000):
        assert await passwords.verify(stored, wrong) == Verified(ok=False)


async def test_a_password_is_stored_as_argon2id_at_the_recommended_cost(opened: Opened) -> None:
    stored = await opened().hash("secure123")
    parameters = extract_parameters(stored)
    assert stored.startswith("$argon2id$")
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (2, 19_456, 1)
    assert "secure123" not in stored


async def test_two_hashes_of_one_password_differ(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    assert await passwords.hash("secure123") != await passwords.hash("secure123")


async def test_a_hash_of_another_cost_is_replaced_when_its_password_was_right(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    stored = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash("secure123")
    assert await passwords.verify(stored, "wrong") == Verified(ok=False)
    verified = await passwords.verify(stored, "secure123")
    assert verified.ok
    assert verified.rehash is not None
    assert await passwords.verify(verified.rehash, "secure123") == Verified(ok=True)


@pytest.mark.parametrize(
    "stored", ["", "not a hash", "$argon2id$v=19$m=64,t=1,p=1$AAAA", "$2b$12$" + "a" * 53]
)
async def test_what_is_no_argon2_hash_lets_nobody_in(opened: Opened, stored: str) -> None:
    assert await opened(**CHEAP).verify(stored, "secure123") == Verified(ok=False)


async def test_an_unknown_email_costs_the_same_work_as_a_wrong_password(opened: Opened) -> None:
    passwords = opened(threads=1)
    stored = await passwords.hash("secure123")

    async def work_seconds(known: str | None) -> float:
        started = time.process_time()
        assert await passwords.verify(known, "guess") == Verified(ok=False)
        return time.process_time() - started

    unknown = min([await work_seconds(None) for _ in range(5)])
    wrong = min([await work_seconds(stored) for _ in range(5)])
    assert 0.5 < unknown / wrong < 2


@pytest.mark.parametrize(
    "made", [(1, 19_456, 1), (4, 1_024, 1), (1, 64, 1), None], ids=["passes", "memory", "both", "no hash"]
)
async def test_a_cost_that_was_raised_does_not_tell_by_its_time_which_emails_exist(
    opened: Opened, made: tuple[int, int, int] | None
) -> None:
    passwords = opened(threads=1, time_cost=4, memory_kib=19_456)
    stored = PasswordHasher(*made).hash("secure123") if made else "$2b$12$" + "a" * 53

    async def work_seconds(known: str | None) -> float:
        started = time.process_time()
        assert await passwords.verify(known, "guess") == Verified(ok=False)
        return time.process_time() - started

    unknown = min([await work_seconds(None) for _ in range(5)])
    cheaper = min([await work_seconds(stored) for _ in range(5)])
    assert 0.75 < cheaper / unknown < 1.6


async def test_beyond_the_queue_people_are_told_when_to_come_back(opened: Opened) -> None:
    passwords = opened(threads=2, queue_limit=3, time_cost=4, memory_kib=19_456)
    outcomes = await asyncio.gather(*(passwords.hash("secure123") for _ in range(9)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, PasswordsBusy)]
    assert len(refused) == 4
    assert all(refusal.retry_after_seconds and refusal.retry_after_seconds > 0 for refusal in refused)
    assert await passwords.verify(None, "guess") == Verified(ok=False)


async def test_a_client_that_leaves_does_not_make_room_while_its_hash_is_computed(opened: Opened) -> None:
    passwords = opened(threads=1, queue_limit=0, **SLOW)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(passwords.hash("secure123"), 0.05)
    with pytest.raises(PasswordsBusy):
        await passwords.hash("secure123")
    passwords.close()


async def test_a_client_that_leaves_the_queue_makes_room_at_once(opened: Opened) -> None:
    passwords = opened(threads=1, queue_limit=1, **SLOW)
    running = asyncio.create_task(passwords.hash("secure123"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), 0.05)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(passwords.hash("secure123"), 0.05)
    waiting = asyncio.create_task(passwords.verify(None, "guess"))
    assert await asyncio.wait_for(waiting, WAIT_SECONDS) == Verified(ok=False)
    assert running.done()


async def test_the_loop_goes_on_while_passwords_are_hashed(opened: Opened) -> None:
    passwords = opened(threads=1, **SLOW)
    hashing = asyncio.create_task(passwords.hash("secure123"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10


def accepted(password: str, email: str = "user@example.com", name: str = "John Doe") -> bool:
    try:
        check_new_password(password, email=email, name=name)
    except WeakPassword:
        return False
    return True


@pytest.mark.parametrize(
    "password", ["secure123", "correct horse battery staple", "ééééééé8", "🔑" * 256, "x" * 1024, "        9"]
)
def test_passwords_need_no_composition(password: str) -> None:
    assert accepted(password)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short12", "at least 8"),
        ("🔑" * 7, "at least 8"),
        ("x" * 1025, "at most 1,024"),
        ("🔑" * 257, "at most 1,024"),
        ("12345678", "most common"),
        ("PassWord123", "most common"),
        ("my-USER-7731", "email address"),
        ("john doe", "just your name"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason) as refused:
        check_new_password(password, email="user@example.com", name="John Doe", member="newPassword")
    assert [field.field for field in refused.value.fields] == ["newPassword"]
    assert password not in str(refused.value)


def test_a_short_local_part_may_stand_in_a_password() -> None:
    assert accepted("banjo-4471", email="jo@example.com")
    assert not accepted("banjo-4471", email="ban@example.com")
    assert not accepted("BANJO-4471", email="Banjo@example.com")
