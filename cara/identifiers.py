"""UUIDv7 (RFC 9562) made by the application, so that an id is known before its row is written."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new identifier; later ones sort after earlier ones."""
    return uuid7()
