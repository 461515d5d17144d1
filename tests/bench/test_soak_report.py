"""The verdict of a soak: what is flat, and which growth it sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.soak_report import Sample, markdown, verdict

FLAT = Sample(0.0, 100.0, 2.0, 9.0, 120_000.0, 100_000.0, 40, 20, 12)


def run(change: Callable[[float, Sample], Sample] = lambda _, sample: sample) -> list[Sample]:
    """Twenty minutes, a sample every five seconds, each changed by its time in minutes."""
    return [change(number / 12, replace(FLAT, minutes=number / 12)) for number in range(240)]


def test_what_stays_is_flat() -> None:
    found = verdict(run())

    assert found.is_flat
    assert "Flat: over the second half memory grows by +0 KiB a minute (web) and +0 (worker)" in markdown(
        run(), found
    )


def test_memory_that_fills_and_then_swings_is_flat() -> None:
    filling = run(lambda at, each: replace(each, web_kib=100_000 + 5_000 * min(at, 8) + 300 * (at * 12 % 2)))

    assert verdict(filling).is_flat


def test_a_stream_more_at_the_moment_of_a_sample_is_flat() -> None:
    swinging = run(lambda at, each: replace(each, web_files=40 + int(at * 12) % 7))

    assert verdict(swinging).is_flat


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda at, each: replace(each, web_kib=120_000 + 150 * at), r"\+150 KiB a minute \(web\)"),
        (lambda at, each: replace(each, worker_kib=100_000 + 200 * at), r"and \+200 \(worker\)"),
        (lambda at, each: replace(each, p99_ms=9.0 + at), "p99 of the last quarter is 1.61 times"),
        (lambda at, each: replace(each, web_files=40 + int(at)), r"open files \+10"),
        (lambda at, each: replace(each, database_connections=12 + int(at / 5)), r"PostgreSQL \+2"),
    ],
)
def test_growth_is_seen_and_named(change: Callable[[float, Sample], Sample], words: str) -> None:
    found = verdict(run(change))

    assert not found.is_flat
    text = markdown(run(change), found)
    assert "Not flat" in text
    assert re.search(words, text)


def test_too_few_samples_give_no_verdict() -> None:
    with pytest.raises(ValueError, match="7 samples are too few: a verdict needs 8"):
        verdict(run()[:7])
