"""Regular expressions with possessive groups match alike under every Python."""

from __future__ import annotations

import re
import sys

import pytest

from cara.expressions import compiled, giving_back


def test_groups_give_back_and_characters_do_not() -> None:
    assert giving_back(r"(?:a)?+(?:b){2,3}+c*+(?:d)++") == r"(?:a)?(?:b){2,3}c*+(?:d)+"


@pytest.mark.parametrize("possessive", [True, False])
def test_only_a_python_that_matches_them_right_gets_possessive_groups(
    monkeypatch: pytest.MonkeyPatch, possessive: bool
) -> None:
    monkeypatch.setattr("cara.expressions.MATCHES_POSSESSIVE_GROUPS", possessive)
    pattern = compiled("(?:ab|a)?+B", re.IGNORECASE)
    assert (pattern.pattern == "(?:ab|a)?+B") is possessive
    assert pattern.flags & re.IGNORECASE
    assert bool(pattern.fullmatch("xab", 1)) is not possessive


def test_this_python_is_told_by_its_version() -> None:
    from cara import expressions

    assert expressions.MATCHES_POSSESSIVE_GROUPS is (sys.version_info >= (3, 11, 5))
