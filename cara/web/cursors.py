"""Cursors of lists that are sorted by a time and an id: where the next page begins."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from cara.errors import FieldProblem, InvalidInput


def encode_cursor(at: datetime, row_id: UUID) -> str:
    """Returns an opaque cursor for what comes after this row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Returns the time and the id that a cursor holds.

    Raises:
        InvalidInput: `encode_cursor` did not make the cursor.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        time, _, row_id = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition("|")
        at = datetime.fromisoformat(time)
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return at.astimezone(UTC), UUID(row_id)
    except (ValueError, binascii.Error, OverflowError):
        raise InvalidInput(
            "The cursor is not valid.",
            fields=(FieldProblem("cursor", "format", "must be one that this service has issued"),),
        ) from None
