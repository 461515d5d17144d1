"""If-Match and If-None-Match as they are written."""

from __future__ import annotations

import pytest

from cara.web.entity_tags import MAX_FIELD_CHARACTERS, EntityTags, parse_entity_tags


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        ('"7"', {"7"}),
        ('W/"7"', {"7"}),
        ('"a,b" ,\tW/"c"', {"a,b", "c"}),
        (' , "a",, "b" , ', {"a", "b"}),
        ('""', {""}),
        ('"é\udcff"', {"é\udcff"}),
        ('"7-gzip", "8-br", "9--gzip", "1-zstd", "2-deflate"', {"7", "8", "9", "1", "2"}),
        ('"7gzip", "7-gzip-x", "-gzip"', {"7gzip", "7-gzip-x", ""}),
    ],
)
def test_tags_are_read_without_their_marks(field: str, tags: set[str]) -> None:
    assert parse_entity_tags(field) == EntityTags(frozenset(tags))


@pytest.mark.parametrize(
    "field",
    ["", " ", ",", "7", "'7'", '"7', '7"', 'w/"7"', 'W/ "7"', "W/*", '"7" "8"', '"a b"', '"\t"', '*, "7"'],
)
def test_what_is_malformed_names_no_tag(field: str) -> None:
    malformed = parse_entity_tags(field)
    assert malformed == EntityTags(frozenset())
    assert not malformed.match('"7"')


def test_a_star_matches_anything() -> None:
    assert parse_entity_tags("\t* ").match('"7"')


def test_a_field_of_several_full_lines_names_no_tag() -> None:
    most = '"7", ' * (MAX_FIELD_CHARACTERS // 5)
    assert parse_entity_tags(most).match('"7"')
    assert parse_entity_tags(most + '"7", ' * 2) == EntityTags(frozenset())
