"""The servers that Cara can bring along: PostgreSQL and Valkey, from the extra `embedded`."""

from __future__ import annotations

from cara.devtools.servers.errors import DataFolderInUse, ExtraMissing, LocalServerError, ServerDidNotStart
from cara.devtools.servers.postgres import embedded_postgres_server
from cara.devtools.servers.unprivileged import discard_data
from cara.devtools.servers.valkey import embedded_valkey

__all__ = [
    "DataFolderInUse",
    "ExtraMissing",
    "LocalServerError",
    "ServerDidNotStart",
    "discard_data",
    "embedded_postgres_server",
    "embedded_valkey",
]
