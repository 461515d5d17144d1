"""Strict JSON: what is refused, and at what cost."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.web.strict_json import VALUES_LIMIT, InvalidJson, parse_object
from tests.growth import grows_linearly

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=4
        )
    ),
    max_leaves=12,
)

REFUSED = {
    b"": "empty",
    b" \n": "empty",
    b"[]": "must be a JSON object",
    b'"text"': "must be a JSON object",
    b"null": "must be a JSON object",
    b"{": "not valid JSON: look at line 1",
    b'{"a": 1,}': "not valid JSON",
    b'{"a": 1} {}': "not valid JSON",
    b"{'a': 1}": "not valid JSON",
    b'{"a": "line\nbreak"}': "not valid JSON",
    b'{"a": "\x00"}': "not valid JSON",
    b'\xef\xbb\xbf{"a": 1}': "byte order mark",
    '{"a": 1}'.encode("utf-16"): "not UTF-8",
    b'{"a": "\xff"}': "not UTF-8: look at byte 7",
    b'{"a": "\xed\xa0\x80"}': "not UTF-8",
    b'{"a": NaN}': "not hold NaN, which is no JSON number",
    b'{"a": [-Infinity]}': "not hold -Infinity",
    b'{"a": ", NaN", "b":\n NaN}': "not hold NaN",
    b'{"a": ", NaN", "b":\n x}': "not valid JSON: look at line 2, column 2",
    b'{"a": 9223372036854775808}': "64 bits",
    b'{"a": -9223372036854775809}': "64 bits",
    b'{"a": ' + b"9" * 100_000 + b"}": "64 bits",
    b'{"a": 1e400}': "too large",
    b'{"a": -1E+309}': "too large",
    b'{"a": ' + b"1" * 18 + b"e292}": "too large",
    b'{"a": 1.7976931348623159e308}': "too large",
    b'{"id": "9e999-1e400", "a": [1e0400]}': "too large",
    b'{"a": {"b": 1E+400\n}}': "too large",
    b'{"a": ' + b"9" * 400 + b".5}": "too large",
}


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), JSON_VALUES, max_size=4
    )
)
def test_every_valid_object_is_read_as_it_was_written(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(("raw", "words"), REFUSED.items(), ids=range(len(REFUSED)))
def test_invalid_bodies_are_refused_with_a_reason(raw: bytes, words: str) -> None:
    with pytest.raises(InvalidJson, match=words):
        parse_object(raw)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_never_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(InvalidJson):
        assert isinstance(parse_object(raw), dict)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (rb'{"a": {"b": ["x", "\u0000"]}}', "a.b.1"),
        (rb'{"a": "\ud800"}', "a"),
        (rb'{"a": "\uDFFF\ud800"}', "a"),
        (rb'{"a": {"b\ud83d": 1}}', "a.b\ufffd"),
        (rb'{"\u0000": 1}', "\ufffd"),
    ],
)
def test_nul_and_lone_surrogates_are_refused_in_values_and_names(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidJson, match="NUL or half a surrogate pair") as refused:
        parse_object(raw)
    assert refused.value.field == field


@pytest.mark.parametrize("number", ["9223372036854775808", "1e400"])
def test_the_member_with_a_number_out_of_range_is_named(number: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse_object(f'{{"a": 1, "b": [{{"c": 0}}, {{"c": {number}}}]}}'.encode())
    assert refused.value.field == "b.1.c"


def test_escaped_pairs_and_escaped_backslashes_are_fine() -> None:
    assert parse_object(rb'{"a": "\ud83d\ude00", "b": "\\u0000 \\ud800"}') == {
        "a": "😀",
        "b": r"\u0000 \ud800",
    }


def test_numbers_up_to_their_bounds_and_digits_in_texts_are_fine() -> None:
    numbers = {"a": 2**63 - 1, "b": -(2**63), "c": 1.7976931348623157e308, "d": -1e308, "e": 5e-324}
    texts = {"f": "1e999 " + "9" * 20, "g": ["\\u0000", "E+400"]}
    assert parse_object(json.dumps(numbers | texts).encode()) == numbers | texts


def test_the_depth_is_bounded_and_brackets_in_strings_do_not_count() -> None:
    text = json.dumps({"a": "[" * 100 + '\\"{'})
    assert parse_object(text.encode(), max_depth=1) == json.loads(text)
    assert parse_object(b'{"a": [[1]], "b": [[2]]}', max_depth=3)
    for deep in (b'{"a": [[1]]}', b'{"a": {"b": {"c": "]}]}"}}}', b'{"a": [[', b"[[[[]]]]"):
        with pytest.raises(InvalidJson, match="deeper than 2 levels"):
            parse_object(deep, max_depth=2)
    for broken in (b'{"a": 1}]]]][[', b'{"a": [}', b'{"a": 1]]}'):
        with pytest.raises(InvalidJson, match="not valid JSON"):
            parse_object(broken, max_depth=2)


@pytest.mark.parametrize("unit", [b"[", b"[]", b'{"a":', b'\\"', b'"', b'[]"\\'])
def test_brackets_or_quotes_are_refused_at_a_cost_in_proportion_to_their_number(unit: bytes) -> None:
    def refuse(brackets: str) -> None:
        with pytest.raises(InvalidJson):
            parse_object(b'{"a":' + brackets.encode() + b"]" * (len(brackets) // 3))

    assert grows_linearly(refuse, unit.decode() * (1_000_000 // len(unit)))


@pytest.mark.parametrize("value", ['"\\ud83d\\ude00"', "[[0]]", '""'])
def test_a_long_name_above_many_values_costs_no_more_than_its_length(value: str) -> None:
    def read(name: str) -> None:
        raw = '{"\\ud83d\\ude00' + name + '":[' + ",".join([value] * 3_000) + "]}"
        assert parse_object(raw.encode())

    assert grows_linearly(read, "k" * 900_000)


def test_the_path_of_an_unstorable_text_is_shortened() -> None:
    with pytest.raises(InvalidJson) as refused:
        parse_object(b'{"' + b"k" * 5_000 + b'": [1, {"b": "a\\u0000"}]}')
    assert refused.value.field == "k" * 100
    with pytest.raises(InvalidJson) as refused:
        parse_object(b'{"a": [1, {"b": ["x", "a\\u0000"]}]}')
    assert refused.value.field == "a.1.b.1"


def test_no_message_repeats_a_value() -> None:
    for raw in (b'{"a": "secret-value', b'{"secret-value": 1 "b"}', b'{"a": "secret-value\xff"}'):
        with pytest.raises(InvalidJson) as refused:
            parse_object(raw)
        assert "secret-value" not in refused.value.message


def test_the_number_of_values_is_bounded():
    def body(count: int) -> bytes:
        return b'{"a":[' + b",".join([b'"x, [{"'] * count) + b"]}"

    assert len(parse_object(body(VALUES_LIMIT - 2))["a"]) == VALUES_LIMIT - 2
    with pytest.raises(InvalidJson, match="20,000 values"):
        parse_object(body(VALUES_LIMIT))


def test_a_body_may_be_nested_32_levels_deep() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"

    assert parse_object(nested(32))
    with pytest.raises(InvalidJson, match="deeper than 32 levels"):
        parse_object(nested(33))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": {"b": 1, "b": 2}}', "a.b"),
        ('{"b": [{"a": 1, "\\u0061": 2}]}', "b.0.a"),
        ('{"title": 1, "a": [0, {"title": 1, "c": {}, "title": 2}]}', "a.1.title"),
        ('{"a": 1, "b": {"a": 1}, "a": 2}', "a"),
        ('{"a": {"b": 1, "b": 2}, oops', "b"),
    ],
)
def test_a_member_that_is_given_twice_is_named_by_its_path(body: str, field: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse_object(body.encode())
    assert (refused.value.code, refused.value.field) == ("duplicate", field)
