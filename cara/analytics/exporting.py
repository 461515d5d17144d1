"""Adoption as a table for spreadsheets, written row by row as it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from cara.analytics import adoption_queries
from cara.analytics.periods import Period
from cara.postgres.database import Connection
from cara.practice.schemas import FEATURE_TYPES
from cara.web.downloads import Document

COLUMNS = ("day", "featureType", "sessions", "completed", "users", "events")
ROWS_AT_ONCE = 500
MAX_DAYS = 3_660


class CsvDownload:
    """What the interface description calls this answer."""

    media_type = "text/csv"


def adoption_document(period: Period) -> Document:
    """What the table of a period is called."""
    return Document(f"adoption-{period.first}-{period.last}.csv", "text/csv; charset=utf-8")


async def adoption_lines(connection: Connection, period: Period) -> AsyncGenerator[bytes]:
    """One line for each day and feature of the period, unused ones with zeros; '' is any activity.

    Rows are read through a cursor inside the caller's transaction, a few hundred at a time.
    """
    yield _lines([COLUMNS])
    features = ("", *FEATURE_TYPES)
    cursor = await adoption_queries.export_rows(connection, period.first, period.last, features)
    while page := await cursor.fetch(ROWS_AT_ONCE):
        yield _lines(tuple(row) for row in page)


def _lines(rows: Iterable[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
