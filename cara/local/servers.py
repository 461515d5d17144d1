"""The servers that Cara can bring along: PostgreSQL and Valkey, from the extra `embedded`."""

from __future__ import annotations

from cara.local.errors import DataFolderInUse, ExtraMissing, LocalServerError, ServerDidNotStart
from cara.local.postgres import embedded_postgres_server
from cara.local.unprivileged import discard_data
from cara.local.valkey import embedded_valkey

__all__ = [
    "DataFolderInUse",
    "ExtraMissing",
    "LocalServerError",
    "ServerDidNotStart",
    "discard_data",
    "embedded_postgres_server",
    "embedded_valkey",
]
