"""Dates and times as RFC 3339 writes them, and nothing else that Python would read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from cara.web.datetimes import parse_date_or_datetime, parse_datetime

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31 12:00:00+00:00",
        "2026-01-31T17:45:00+05:45",
        "2026-01-31T12:00:00.000000Z",
    ],
)
def test_an_instant_is_read_in_every_form_of_the_standard(written):
    assert parse_datetime(written) == NOON


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-01-31T12:00:00+0000",
        "2026-01-31T12:00:00Z ",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:01Z",
        "٢٠٢٦-01-31T12:00:00Z",
        1769860800,
        None,
    ],
)
def test_what_the_standard_does_not_write_is_refused(written):
    for parse in (parse_datetime, parse_date_or_datetime):
        with pytest.raises(ValueError, match="RFC 3339"):
            parse(written)


def test_a_day_may_stand_alone_where_a_period_begins_or_ends():
    assert parse_date_or_datetime("2026-01-31") == date(2026, 1, 31)
    assert parse_date_or_datetime("2026-01-31T12:00:00Z") == NOON
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_datetime("2026-01-31")
    for none in ("2026-02-29", "2026-1-31", "20260131"):
        with pytest.raises(ValueError, match="RFC 3339"):
            parse_date_or_datetime(none)
