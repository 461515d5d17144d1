"""The helper that distinguishes linear from quadratic work."""

from __future__ import annotations

from tests.growth import grows_linearly


def goes_through(text: str) -> None:
    for _ in text:
        pass


def goes_through_again_for_each_character(text: str) -> None:
    for _ in text:
        goes_through(text)


def test_quadratic_work_is_distinguished_from_linear_work() -> None:
    assert grows_linearly(goes_through, "a" * 200_000)
    assert not grows_linearly(goes_through_again_for_each_character, "a" * 1_600)
