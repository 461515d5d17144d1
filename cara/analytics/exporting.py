"""Adoption as a table for spreadsheets, sent row by row as it is read."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from cara.analytics import adoption_queries
from cara.analytics.periods import Period
from cara.database import Connection
from cara.practice.features import FEATURE_TYPES

COLUMNS = ("day", "featureType", "sessions", "completed", "users", "events")
ROWS_AT_ONCE = 500
WRITE_SECONDS = 20.0
MAX_DAYS = 3_660


class CsvDownload:
    """What the interface description calls this answer."""

    media_type = "text/csv"


async def send_adoption(request: web.Request, connection: Connection, period: Period) -> web.StreamResponse:
    """Sends one line for each day and feature of the period, unused ones with zeros; '' is any activity.

    Rows are read through a cursor inside the caller's transaction, a few hundred at a time.
    """
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="adoption-{period.first}-{period.last}.csv"',
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    await _send(response, [COLUMNS])
    features = ("", *FEATURE_TYPES)
    cursor = await adoption_queries.export_rows(connection, period.first, period.last, features)
    while page := await cursor.fetch(ROWS_AT_ONCE):
        await _send(response, (tuple(row) for row in page))
    await response.write_eof()
    return response


async def _send(response: web.StreamResponse, rows: Iterable[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(text.getvalue().encode())
