"""Hashing and verifying passwords: their cost, the bounded queue, and which new ones are accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from unicodedata import normalize

import argon2
import pytest
from argon2.exceptions import InvalidHashError
from hypothesis import given
from hypothesis import strategies as st

from cara.accounts.new_passwords import MIN_CHARACTERS, WeakPassword, check_new_password
from cara.accounts.passwords import PasswordCheck, PasswordHasher, PasswordsBusy, normalize_password
from cara.predictable import ORDERS
from cara.settings import Settings, UnsafeSettings
from tests.accounts.held_passwords import HeldPasswords

CHEAP = {"time_cost": 1, "memory_kib": 64}

Opened = Callable[..., PasswordHasher]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Makes hashers of the given cost and closes them all in the end."""
    made: list[PasswordHasher] = []

    def open_passwords(**settings: int) -> PasswordHasher:
        made.append(PasswordHasher(**settings))
        return made[-1]

    yield open_passwords
    for passwords in made:
        passwords.close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldPasswords]:
    with HeldPasswords().installed(monkeypatch) as held:
        yield held


class Work:
    """The work of argon2: passes times KiB, to which its time is proportional."""

    def __init__(self) -> None:
        self.done = 0

    def counted(self, stored: str) -> None:
        try:
            parameters = argon2.extract_parameters(stored)
        except InvalidHashError:
            return
        self.done += parameters.time_cost * parameters.memory_cost


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts the work of all hashing and verifying from now on."""
    work, hash_, verify = Work(), argon2.PasswordHasher.hash, argon2.PasswordHasher.verify

    def counted_hash(hasher: argon2.PasswordHasher, password: bytes) -> str:
        made = hash_(hasher, password)
        work.counted(made)
        return made

    def counted_verify(hasher: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        work.counted(stored)
        return verify(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "hash", counted_hash)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted_verify)
    return work


async def work_of_a_wrong_guess(passwords: PasswordHasher, stored: str | None, work: Work) -> int:
    before = work.done
    assert await passwords.verify(stored, "guess") == PasswordCheck(is_correct=False)
    return work.done - before


async def test_the_right_password_is_accepted_and_a_wrong_one_is_not(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    stored = await passwords.hash(" pass wörd 🔑 ")
    assert await passwords.verify(stored, " pass wörd 🔑 ") == PasswordCheck(is_correct=True)
    for wrong in ("pass wörd 🔑", " Pass wörd 🔑 ", "", "\ud800", "x" * 100_000):
        assert await passwords.verify(stored, wrong) == PasswordCheck(is_correct=False)


async def test_a_password_is_stored_as_argon2id_at_the_recommended_cost(opened: Opened) -> None:
    stored = await opened().hash("secure123")
    parameters = argon2.extract_parameters(stored)
    assert stored.startswith("$argon2id$")
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (2, 19_456, 1)
    assert "secure123" not in stored


async def test_two_hashes_of_one_password_differ(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    assert await passwords.hash("secure123") != await passwords.hash("secure123")


async def test_a_hash_of_another_cost_is_replaced_when_its_password_was_right(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    stored = argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash("secure123")
    assert await passwords.verify(stored, "wrong") == PasswordCheck(is_correct=False)
    verified = await passwords.verify(stored, "secure123")
    assert verified.is_correct
    assert verified.rehash is not None
    assert await passwords.verify(verified.rehash, "secure123") == PasswordCheck(is_correct=True)


@pytest.mark.parametrize(
    "stored", ["", "not a hash", "$argon2id$v=19$m=64,t=1,p=1$AAAA", "$2b$12$" + "a" * 53]
)
async def test_a_stored_value_that_is_not_an_argon2_hash_verifies_nothing(
    opened: Opened, stored: str
) -> None:
    assert await opened(**CHEAP).verify(stored, "secure123") == PasswordCheck(is_correct=False)


async def test_an_unknown_email_costs_the_same_work_as_a_wrong_password(opened: Opened, work: Work) -> None:
    passwords = opened(**CHEAP)
    stored = await passwords.hash("secure123")
    unknown = await work_of_a_wrong_guess(passwords, None, work)
    assert unknown == await work_of_a_wrong_guess(passwords, stored, work) > 0


@pytest.mark.parametrize(
    "made", [(1, 19_456, 1), (4, 1_024, 1), (1, 64, 1), None], ids=["passes", "memory", "both", "no hash"]
)
async def test_after_the_cost_was_raised_timing_does_not_reveal_which_emails_exist(
    opened: Opened, work: Work, made: tuple[int, int, int] | None
) -> None:
    passwords = opened(time_cost=4, memory_kib=19_456)
    stored = argon2.PasswordHasher(*made).hash("secure123") if made else "$2b$12$" + "a" * 53
    unknown = await work_of_a_wrong_guess(passwords, None, work)
    cheaper = await work_of_a_wrong_guess(passwords, stored, work)
    assert unknown <= cheaper < 1.1 * unknown


async def test_work_beyond_the_queue_is_refused_with_a_time_to_retry(opened: Opened) -> None:
    passwords = opened(threads=2, queue_limit=3, time_cost=4, memory_kib=19_456)
    outcomes = await asyncio.gather(*(passwords.hash("secure123") for _ in range(9)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, PasswordsBusy)]
    assert len(refused) == 4
    assert all(refusal.retry_after_seconds and refusal.retry_after_seconds > 0 for refusal in refused)
    assert await passwords.verify(None, "guess") == PasswordCheck(is_correct=False)


async def leaves(attempt: asyncio.Task[PasswordCheck]) -> None:
    await asyncio.sleep(0)
    attempt.cancel()
    await asyncio.wait([attempt])


async def test_a_cancelled_verification_that_has_started_keeps_its_place(
    opened: Opened, held: HeldPasswords
) -> None:
    passwords = opened(threads=1, queue_limit=0, **CHEAP)
    gate = held.hold("secure123")
    verifying = asyncio.create_task(passwords.verify(None, "secure123"))
    await gate.reached()
    await leaves(verifying)
    with pytest.raises(PasswordsBusy):
        await passwords.verify(None, "guess")


async def test_a_cancelled_verification_in_the_queue_frees_its_place(
    opened: Opened, held: HeldPasswords
) -> None:
    passwords = opened(threads=1, queue_limit=1, **CHEAP)
    gate = held.hold("secure123")
    verifying = asyncio.create_task(passwords.verify(None, "secure123"))
    await gate.reached()
    await leaves(asyncio.create_task(passwords.verify(None, "guess")))
    waiting = asyncio.create_task(passwords.verify(None, "guess"))
    gate.open()
    assert await asyncio.gather(verifying, waiting) == [PasswordCheck(is_correct=False)] * 2


async def test_the_event_loop_is_not_blocked_while_a_password_is_verified(
    opened: Opened, held: HeldPasswords
) -> None:
    passwords = opened(threads=1, **CHEAP)
    gate = held.hold("secure123")
    verifying = asyncio.create_task(passwords.verify(None, "secure123"))
    await gate.reached()
    assert not verifying.done()
    gate.open()
    assert await verifying == PasswordCheck(is_correct=False)


def test_a_cost_that_the_machine_cannot_pay_is_a_problem_of_the_settings(settings: Settings) -> None:
    with pytest.raises(UnsafeSettings, match="PASSWORD_MEMORY_KIB: cannot be had on this machine"):
        PasswordHasher.of(settings.model_copy(update={"password_parallelism": 2**24}))


def accepted(password: str, email: str = "user@example.com", name: str = "John Doe") -> bool:
    try:
        check_new_password(password, email=email, name=name)
    except WeakPassword:
        return False
    return True


@pytest.mark.parametrize(
    "password",
    [
        "secure123",
        "correct horse battery staple",
        "ééééééé8",
        "🔑" * 255 + "1234",
        "x" * 1023 + "7",
        "        9",
        "abcdefgh is not my password",
        "12345678 and my password",
        "secure12secure12",
        "a$7!k%m#",
        "carapace turtle",
        "practice makes better",
        "ｓｅｃｕｒｅ１２３",
        "secure123!",
        "johnny doedoe",
        "democracy now",
        "26859169",
    ],
)
def test_passwords_need_no_composition(password: str) -> None:
    assert accepted(password)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short12", "too_short"),
        ("🔑" * 7, "too_short"),
        ("x" * 1025, "too_long"),
        ("🔑" * 257, "too_long"),
        ("e\u0301" * 7, "too_short"),
        ("12345678", "password_common"),
        ("PassWord123", "password_common"),
        ("ｐａｓｓｗｏｒｄ", "password_common"),
        ("pass\u200bword", "password_common"),
        ("password!", "password_common"),
        ("P@ssw0rd!", "password_common"),
        ("$un5h1ne", "password_common"),
        ("my-USER-7731", "password_email"),
        ("john doe", "password_name"),
        ("John DoeJohn Doe", "password_name"),
        ("JohnDoe!", "password_name"),
        ("doe-john", "password_name"),
        ("passwordPassword", "password_common"),
        ("x" * 1024, "password_repetitive"),
        ("🔑" * 256, "password_repetitive"),
        ("ababababa", "password_repetitive"),
        ("12341234", "password_repetitive"),
        ("8901234567", "password_sequential"),
        ("HGFEDCBA", "password_sequential"),
        ("qwertzui", "password_sequential"),
        ("acegikmo", "password_sequential"),
        ("aabbccdd", "password_sequential"),
        ("z9y8x7w6v5", "password_sequential"),
        ("1-2-3-4-5-6-7-8", "password_sequential"),
        ("абвгдежз", "password_sequential"),
        ("ΑΒΓΔΕΖΗΘ", "password_sequential"),
        ("!@#$%^&*", "password_sequential"),
        ('!"§$%&/(', "password_sequential"),
        ("13579246", "password_sequential"),
        ("2468101214", "password_sequential"),
        ("99989796", "password_sequential"),
        ("!aaaaaaa!", "password_sequential"),
        ("caracoach", "password_service_words"),
        ("Cara1234!", "password_service_words"),
        ("my communication coach", "password_service_words"),
        ("c4r4c04ch", "password_service_words"),
        ("Interview Sessions 1", "password_service_words"),
        ("learner1", "password_service_words"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, code: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_new_password(password, email="user@example.com", name="John Doe", member="newPassword")
    [problem] = refused.value.fields
    assert (problem.field, problem.code) == ("newPassword", code)
    assert str(refused.value) == f"The password {problem.message}."
    assert password not in problem.message


def test_a_short_local_part_is_allowed_in_a_password() -> None:
    assert accepted("banjo-4471", email="jo@example.com")
    assert not accepted("banjo-4471", email="ban@example.com")
    assert not accepted("BANJO-4471", email="Banjo@example.com")


@given(st.data())
def test_a_part_over_and_over_is_refused_however_long(data: st.DataObject) -> None:
    part = data.draw(st.text("aBz09 !é🔑", min_size=1, max_size=7))
    length = data.draw(st.integers(max(MIN_CHARACTERS, 2 * len(part)), 120))
    assert not accepted((part * length)[:length])


@given(
    order=st.sampled_from(ORDERS),
    start=st.integers(0, 50),
    step=st.sampled_from([1, -1]),
    length=st.integers(MIN_CHARACTERS, 40),
    upper=st.booleans(),
)
def test_a_run_along_a_keyboard_or_an_alphabet_is_refused(
    order: str, start: int, step: int, length: int, upper: bool
) -> None:
    run = "".join(order[(start + step * number) % len(order)] for number in range(length))
    assert not accepted(run.upper() if upper else run)
    assert accepted(f"{run}, my tortoise"), "as a part it may stand"


@given(st.text("aeiéộ각ñ\u0301\u0323\u1100\u1161\u212b🔑7", min_size=1, max_size=60))
def test_a_password_is_the_same_in_each_of_its_forms(password: str) -> None:
    forms = {normalize_password(normalize(form, password)) for form in ("NFC", "NFD")}
    assert len(forms) == 1
    assert len({accepted(normalize(form, password)) for form in ("NFC", "NFD")}) == 1


async def test_a_composed_and_a_decomposed_password_sign_in_alike(opened: Opened) -> None:
    passwords = opened(**CHEAP)
    composed, decomposed = (normalize(form, "Ångström Việt 각") for form in ("NFC", "NFD"))
    assert composed != decomposed
    for chosen, typed in ((composed, decomposed), (decomposed, composed)):
        assert (await passwords.verify(await passwords.hash(chosen), typed)).is_correct
    # Compatible forms are other passwords: `ﬁ` is not `fi`.
    assert not (await passwords.verify(await passwords.hash("ﬁsh and chips"), "fish and chips")).is_correct
