"""Who has the floor: latency, interruptions and monologues, and times that are not exact enough for them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.speech.timed_talks import Timed, measured, timing, utterances


@pytest.mark.parametrize(
    ("said", "latency", "interruptions"),
    [
        ([("Bob", 0, 3, "Did you like it?"), ("Ann", 3.3, 4, "Yes.")], 0.3, 0),  # one word that answers
        ([("Bob", 0, 3, "We begin"), ("Ann", 2.7, 5, "Not so fast.")], -0.3, 0),
        ([("Bob", 0, 3, "We begin"), ("Ann", 2.699, 5, "Not so fast.")], -0.301, 1),
        ([("Bob", 0, 9.2, "We begin"), ("Ann", 4.1, 5, "Not so fast.")], None, 1),  # and Bob goes on
        ([("Ann", 0, 5, "I think that"), ("Bob", 4, 6, "No, wait"), ("Ann", 5.2, 8, "we sell.")], None, 0),
        ([("Ann", 0, 5, "Is it late?"), ("Bob", 5.4, 5.7, "No."), ("Ann", 6, 7, "Then I stay.")], 0.3, 0),
        ([("Ann", 0, 5, "It is late."), ("Bob", 5.4, 5.7, "Okay."), ("Ann", 6, 7, "So I go.")], None, 0),
        ([("Ann", 0, 9, "It is late."), ("Bob", 2, 3, "I can see."), ("Ann", 9.5, 11, "I go.")], None, 0),
    ],
)  # fmt: skip
def test_who_takes_the_floor_and_how(said: list[Timed], latency: float | None, interruptions: int) -> None:
    found = timing(utterances(*said))
    assert (found["responseLatencySeconds"] or {"median": None})["median"] == latency
    assert (found["interruptions"] or 0) == interruptions


def floor(*said: Timed) -> tuple[float | None, int | None, float | None]:
    """The longest latency, the interruptions and the longest monologue."""
    found = timing(utterances(*said))
    latency = found["responseLatencySeconds"]
    return latency and latency["longest"], found["interruptions"], found["longestMonologueSeconds"]


def test_who_cuts_in_twice_in_one_turn_interrupts_twice() -> None:
    first: Timed = ("Ann", 4.2, 6.3, "But that is late.")
    later: Timed = ("Ann", 12.2, 14.4, "We can't wait.")
    at_once: list[Timed] = [("Bob", 0.0, 20.3, "We begin in May and we end in June"), first, later]
    cut: list[Timed] = [("Bob", 0.0, 7.3, "We begin in May"), first, ("Bob", 7.3, 20.3, "and end"), later]
    assert floor(*at_once) == floor(*cut) == (None, 2, 2.2)
    # Who takes a breath goes on with the same interruption.
    assert floor(*at_once[:2], ("Ann", 7.2, 8.4, "We can't wait.")) == (None, 1, 4.2)


def test_who_was_interrupted_and_fell_silent_interrupts_by_starting_again() -> None:
    said: list[Timed] = [
        ("Ann", 0.0, 4.1, "I think"),
        ("Bob", 3.5, 10.0, "No, wait"),
        ("Ann", 9.0, 13.3, "But"),
    ]
    assert floor(*said) == (-1, 1, 4.3)
    twice: list[Timed] = [
        ("Bob", 0.0, 10.1, "We begin"), ("Ann", 9.05, 15.1, "Not so fast."),
        ("Bob", 12.3, 20.3, "No, wait"), ("Ann", 19.2, 25.4, "I can't."),
    ]  # fmt: skip
    assert floor(*twice) == (-1.05, 2, 6.2)


def around(word: str) -> list[Timed]:
    """What Ann says around a word of Bob's."""
    return [("Ann", 0.0, 4.1, "We sold it."), ("Bob", 4.3, 5.4, word), ("Ann", 8.0, 12.2, "Then")]


@pytest.mark.parametrize("word", ["Thanks.", "Continue.", "Next.", "Stop.", "No.", "Okay?"])
def test_a_word_that_is_no_sign_of_listening_is_a_turn(word: str) -> None:
    assert floor(*around(word)) == (2.6, 0, 4.2)
    assert floor(("Bob", 0.0, 9.3, "We sold it then"), ("Ann", 4.1, 4.6, word)) == (None, 1, 0.5)


@pytest.mark.parametrize(
    "word", ["Mhm.", "uh-huh", "Yeah, yeah.", "I see.", "Ja, genau.", "うん、うん。", "Sí, claro."]
)
def test_a_sign_of_listening_is_no_turn_whoever_listens(word: str) -> None:
    assert floor(*around(word)) == (None, 0, 12.2)
    assert floor(("Bob", 0.0, 9.3, "We sold it then"), ("Ann", 4.1, 4.6, word)) == (None, 0, None)


def test_a_lone_hesitation_takes_no_turn() -> None:
    said: list[Timed] = [("Bob", 0.0, 5.2, "We begin now, or do we?"), ("Ann", 7.1, 9.3, "We do.")]
    assert (
        floor(said[0], ("Ann", 3.1, 3.6, "Um."), ("Ann", 5.5, 6, "Uh, um…"), said[1])
        == floor(*said)
        == (1.9, 0, 2.2)
    )


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 3), (4, 9)],
        [(0, 5), (5, 10), (11, 15.5), (16, 20), (21, 25), (27, 30)],
        [(n + 0.5, n + 1.5) for n in range(0, 20, 2)],  # from another beginning
    ],
)
def test_times_in_whole_seconds_are_not_exact_whatever_their_number(spans: list[tuple[float, float]]) -> None:
    said = [("Ann" if n % 2 else "Bob", *span, "And so it goes on.") for n, span in enumerate(spans)]
    found = timing(utterances(*said))
    assert found["responseLatencySeconds"] is found["interruptions"] is None
    assert found["talkShareByTime"] is not None


@pytest.mark.parametrize(
    "times", [[0.52, 2.61, 4.17], [0.52, 2.61, 4.17, 6.03, 8.9, 9.41, 11.3, (13.2, 13.201), 15.8]]
)
def test_captions_shown_until_the_next_ones_are_not_exact(times: list[Any]) -> None:
    bounds = [time if isinstance(time, tuple) else (time, time) for time in times]
    cues = "".join(
        f"\n00:{start:06.3f} --> 00:{end:06.3f}\n<v {'Ann' if n % 2 else 'Bob'}>And so it goes on.\n"
        for n, ((_, start), (end, _)) in enumerate(pairwise(bounds))
    )
    assert timing(f"WEBVTT\n{cues}")["responseLatencySeconds"] is None


def test_whole_seconds_and_captions_without_gaps_tell_no_latency() -> None:
    rounded = [
        ("Bob" if n % 2 else "Ann", float(3 * n), float(3 * n + 2), "And so it goes on.") for n in range(12)
    ]
    found = measured(utterances(*rounded))
    assert found.timing is not None
    assert found.timing.response_latency_seconds is found.timing.interruptions is None
    assert found.timing.talk_share_by_time == 0.5
    assert any("not exact" in note for note in found.notes)
    joined = "".join(
        f"\n00:{2 * n:02}.500 --> 00:{2 * n + 2:02}.500\n<v {who}>And so it goes on.\n"
        for n, who in enumerate(("Bob", "Ann") * 3)
    )
    assert timing(f"WEBVTT\n{joined}")["responseLatencySeconds"] is None
