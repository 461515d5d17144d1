"""Retries, slots and the breaker by themselves, with time as a number."""

import asyncio
from contextlib import suppress

import pytest

from cara.gemini.calls import GeminiUsage
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiBusy,
    GeminiCircuitOpen,
    GeminiInterrupted,
    GeminiMisconfigured,
    GeminiRateLimited,
    GeminiTimedOut,
    GeminiUnavailable,
)
from cara.gemini.resilience import GeminiBreaker, GeminiSlots, Retries
from tests.gemini.test_client_breaker import MovableClock, one_call

NEVER = 1e9


@pytest.fixture
def jitter(monkeypatch):
    """The bounds of every random delay; the longest is taken."""
    drawn = []

    def longest(low, high):
        drawn.append((low, high))
        return high

    monkeypatch.setattr("cara.gemini.resilience.random.uniform", longest)
    return drawn


def now():
    return asyncio.get_running_loop().time()


async def test_the_back_off_doubles_up_to_eight_seconds_and_any_shorter_delay_can_come(jitter):
    retries = Retries(attempts=9, deadline=NEVER)
    delays = [retries.delay_after(GeminiUnavailable()) for _ in range(9)]
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 8, 8, None]
    assert jitter == [(0, delay) for delay in delays[:-1]]


async def test_the_back_off_comes_on_top_of_the_delay_that_gemini_asks_for(jitter):
    retries = Retries(attempts=3, deadline=NEVER)
    assert retries.delay_after(GeminiRateLimited(retry_after_seconds=7)) == 7.25
    assert retries.delay_after(GeminiRateLimited(retry_after_seconds=0.5)) == 1


async def test_a_call_is_not_made_again_when_the_wait_for_it_would_end_after_the_deadline(jitter):
    asked = GeminiRateLimited(retry_after_seconds=60)
    assert Retries(attempts=3, deadline=now() + 60).delay_after(asked) is None
    assert Retries(attempts=3, deadline=now() + 70).delay_after(asked) == 60.25


async def test_one_attempt_is_not_followed_by_another():
    assert Retries(attempts=1, deadline=NEVER).delay_after(GeminiUnavailable()) is None


@pytest.mark.parametrize("error", [GeminiUnavailable, GeminiRateLimited, GeminiTimedOut])
async def test_what_may_pass_is_tried_again_unless_it_cost_something(error):
    assert Retries(attempts=2, deadline=NEVER).delay_after(error()) is not None
    paid = error(usage=GeminiUsage(prompt_tokens=1, total_tokens=1))
    assert Retries(attempts=2, deadline=NEVER).delay_after(paid) is None


@pytest.mark.parametrize(
    "error",
    [
        GeminiBusy(retry_after_seconds=1),
        GeminiCircuitOpen(retry_after_seconds=1),
        GeminiInterrupted(),
        GeminiBadAnswer("empty"),
        ContentBlocked("harassment"),
        GeminiMisconfigured("no key"),
    ],
)
async def test_what_was_never_sent_or_would_fail_again_is_not_tried_again(error):
    assert Retries(attempts=9, deadline=NEVER).delay_after(error) is None


async def test_nobody_waits_for_a_slot_beyond_the_deadline_of_the_call():
    slots = GeminiSlots(max_in_flight=1, wait_seconds=3_600)
    async with slots.hold(NEVER), asyncio.timeout(30):
        with pytest.raises(GeminiBusy) as refused:
            async with slots.hold(now() + 0.01):
                pass
    assert refused.value.retry_after_seconds == 1


async def test_a_call_that_fails_or_is_refused_frees_its_slot():
    slots = GeminiSlots(max_in_flight=1, wait_seconds=0.01)
    for _ in range(3):
        with suppress(GeminiUnavailable):
            async with slots.hold(NEVER):
                with suppress(GeminiBusy):
                    async with slots.hold(NEVER):
                        pass
                raise GeminiUnavailable
    async with slots.hold(NEVER):
        pass


async def test_an_answer_begins_the_count_of_outages_in_a_row_anew():
    breaker = GeminiBreaker(failures=3, cooldown_seconds=10, clock=MovableClock())
    for failed in (True, True, False, True, True):
        await one_call(breaker, failed=failed)
    assert breaker.state == "closed"
    await one_call(breaker, failed=True)
    assert breaker.state == "open"


async def test_what_is_no_outage_neither_continues_nor_ends_the_outages_in_a_row():
    breaker = GeminiBreaker(failures=3, cooldown_seconds=10, clock=MovableClock())
    await one_call(breaker, failed=True)
    await one_call(breaker, failed=True)
    for error in (GeminiRateLimited(), ContentBlocked("harassment"), GeminiBadAnswer("empty")):
        with pytest.raises(type(error)):
            async with breaker.guard():
                raise error
        assert breaker.state == "closed"
    await one_call(breaker, failed=True)
    assert breaker.state == "open"


@pytest.mark.parametrize("outage", [GeminiUnavailable, GeminiInterrupted, GeminiTimedOut])
async def test_every_kind_of_outage_counts(outage):
    breaker = GeminiBreaker(failures=1, cooldown_seconds=10, clock=MovableClock())
    with pytest.raises(outage):
        async with breaker.guard():
            raise outage
    assert breaker.state == "open"


async def test_a_closed_circuit_has_forgotten_the_outages_from_before():
    """Neither those in a row nor those of the latest fifty calls open it again."""
    clock = MovableClock()
    breaker = GeminiBreaker(failures=20, cooldown_seconds=10, clock=clock)
    for _ in range(20):
        await one_call(breaker, failed=True)
    assert breaker.state == "open"
    clock.seconds += 10
    await one_call(breaker, failed=False)
    for _ in range(19):
        assert breaker.state == "closed"
        await one_call(breaker, failed=True)
    assert breaker.state == "closed"


async def test_outages_before_a_probe_that_began_to_answer_are_forgotten_too():
    clock = MovableClock()
    breaker = GeminiBreaker(failures=2, cooldown_seconds=10, clock=clock)
    for _ in range(2):
        await one_call(breaker, failed=True)
    clock.seconds += 10
    async with breaker.guard() as probe:
        probe.answering()
        await one_call(breaker, failed=True)
        assert breaker.state == "closed"
    await one_call(breaker, failed=True)
    assert breaker.state == "open"


async def test_while_a_probe_is_under_way_others_are_told_to_come_back_in_a_second():
    clock = MovableClock()
    breaker = GeminiBreaker(failures=1, cooldown_seconds=10, clock=clock)
    await one_call(breaker, failed=True)
    clock.seconds += 10
    async with breaker.guard():
        with pytest.raises(GeminiCircuitOpen) as refused:
            breaker.check()
        assert refused.value.retry_after_seconds == 1


async def test_a_failed_probe_opens_the_circuit_for_a_whole_cooldown_again():
    clock = MovableClock()
    breaker = GeminiBreaker(failures=3, cooldown_seconds=10, clock=clock)
    for _ in range(3):
        await one_call(breaker, failed=True)
    clock.seconds += 17
    await one_call(breaker, failed=True)
    with pytest.raises(GeminiCircuitOpen) as refused:
        breaker.check()
    assert refused.value.retry_after_seconds == 10
