"""The log of an outage: a line when it begins, a line when it is over, however many fail."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from cara.outages import Outage


@pytest.fixture(autouse=True)
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "cara.outages")
    return caplog


def test_an_outage_is_two_lines_that_say_why_how_long_and_how_many(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("PostgreSQL", quiet_seconds=0)
    outage.answered()
    for kind, reason in (("away", "refused"), ("busy", "locked"), ("away", "refused")):
        outage.failed(kind, reason)
    outage.answered()
    outage.answered()
    assert caplog.messages == [
        "PostgreSQL fails: away (refused)",
        "PostgreSQL serves again: it failed for 0.0 s, 2 x away, 1 x busy",
    ]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_it_lasted_until_something_succeeded_however_rarely_it_was_tried(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((100, 102, 104, 170, 174, 190))
    monkeypatch.setattr("cara.outages.time", SimpleNamespace(monotonic=lambda: next(times)))
    outage = Outage("Redis", quiet_seconds=15)
    outage.failed("away", "refused")
    outage.answered()
    outage.failed("away", "refused")
    for _ in range(3):
        outage.answered()
    assert caplog.messages[-1] == "Redis serves again: it failed for 70.0 s, 2 x away"


def test_successes_between_failures_do_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("PostgreSQL", quiet_seconds=3_600)
    for _ in range(3):
        outage.failed("away", "refused")
        outage.answered()
    assert outage.lasts
    assert len(caplog.messages) == 1


def test_where_reads_succeed_only_a_write_ends_it() -> None:
    outage = Outage("PostgreSQL", quiet_seconds=0)
    outage.failed("read-only", "a standby", reads_succeed=True)
    assert outage.failed_within("read-only", 60)
    outage.answered(wrote=False)
    assert outage.lasts
    outage.answered()
    assert not outage.lasts
    assert not outage.failed_within("read-only", 60)
