"""What an error of PostgreSQL means to whoever waits for it: one table, from SQLSTATEs to our errors.

All of them mean that the same request can succeed later. What the table does not name is a mistake of ours,
and stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import asyncpg

from cara.errors import Unavailable


class DatabaseTrouble(Unavailable):
    """PostgreSQL cannot do it now. What was asked for in a transaction is undone, unless `CommitUnknown`."""

    code = "database_trouble"
    is_outage: ClassVar[bool] = True
    """Whether PostgreSQL is to blame, and not those who use the same rows, or a migration."""


class DatabaseBusy(DatabaseTrouble):
    """No connection was free in time."""

    code = "database_busy"
    detail = "The database is busy. Please try again in a moment."


class DatabaseCrowded(DatabaseBusy):
    """PostgreSQL has no connection left for this process, and none that it has was free in time."""

    code = "database_crowded"


class DatabaseConflict(DatabaseBusy):
    """PostgreSQL rolled the work back, because it conflicts with that of somebody else: repeat it."""

    is_outage = False


class StatementTimedOut(DatabaseBusy):
    """A connection, a lock or a result was not there in time, although PostgreSQL answers others."""

    is_outage = False


class StatementOutdated(DatabaseBusy):
    """A migration has changed what a prepared statement refers to; the next time it is prepared anew."""

    is_outage = False


class DatabaseAway(DatabaseTrouble):
    """PostgreSQL refuses connections, does not answer, is damaged, or the connection was lost."""

    code = "database_unavailable"
    detail = "The database cannot be reached. Please try again in a moment."


class DatabaseSlow(DatabaseAway):
    """PostgreSQL did not answer in time: it hangs, or what it was asked for takes long or waits for locks."""

    code = "database_timed_out"
    detail = "The database did not answer in time. Please try again in a moment."


class CommitUnknown(DatabaseAway):
    """The connection was lost while the transaction was committed: it may be committed, or undone."""

    code = "commit_unknown"
    detail = (
        "The database was lost while it saved this: it may be saved or not. Please look before you repeat it."
    )


class DatabaseReadOnly(DatabaseAway):
    """The server is a standby, or its administrator has made it read-only."""

    code = "database_read_only"
    detail = "Nothing can be saved just now, only read. Please try again in a moment."


class DatabaseFull(DatabaseAway):
    """PostgreSQL has run out of disk space, memory or another resource."""

    code = "database_full"
    detail = "The database has no room left. Please try again later."


_TROUBLES: Final[Mapping[str, type[DatabaseTrouble]]] = {
    "08": DatabaseAway,  # the connection failed or was lost
    "25006": DatabaseReadOnly,
    "25P03": DatabaseAway,  # idle in a transaction for too long: the connection was ended
    "25P04": StatementTimedOut,  # the transaction took too long
    "26000": StatementOutdated,  # the prepared statement is gone, as after DISCARD ALL
    "40": DatabaseConflict,  # deadlock, serialization
    "53": DatabaseFull,
    "53300": DatabaseCrowded,  # too many connections
    "55006": DatabaseConflict,  # an object is in use
    "55P03": StatementTimedOut,  # a lock was not granted in time
    "57": DatabaseAway,  # shutdown, crash, starting up, database dropped
    "57014": StatementTimedOut,  # the statement took too long
    "58": DatabaseAway,  # input and output fail
    "72": DatabaseConflict,  # snapshot too old
    "F0": DatabaseAway,  # a file of the server's configuration is broken
    "XX": DatabaseAway,  # data or an index is damaged
}
"""By SQLSTATE, or else by its class, which is the first two characters."""

_KINDS: Final[Mapping[type, type[DatabaseTrouble]]] = {
    asyncpg.InvalidCachedStatementError: StatementOutdated,
    asyncpg.exceptions.OutdatedSchemaCacheError: DatabaseConflict,  # what was done may stay: not repeated
    asyncpg.InternalClientError: DatabaseAway,  # no host takes writes, or the connection has just broken
}
"""asyncpg's own errors, which have no SQLSTATE, or share it with others."""

CONNECTION_ERRORS: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""All that asyncpg raises while a connection is opened, acquired or released."""


SILENCE: Final = "no answer in time"
CONNECTION_LOST: Final = "connection lost"
"""What was wrong, where no error says so: those of asyncpg tell in which of its calls or states that was."""


def reason_of(error: BaseException) -> str:
    """Returns for the log, in one line, what was wrong first: the errors that follow tell less.

    The message of an internal error of PostgreSQL is left out: it may quote data.
    """
    if isinstance(error, DatabaseTrouble) and error.__cause__:  # its own words are for clients
        return reason_of(error.__cause__)
    found, earlier = error, error.__cause__ or error.__context__
    while earlier is not None:
        if isinstance(earlier, asyncpg.PostgresError | OSError):
            found = earlier
        earlier = earlier.__cause__ or earlier.__context__
    if isinstance(found, TimeoutError):
        return SILENCE
    if isinstance(found, DatabaseReadOnly):  # found by a look at the server, before it refused anything
        return "transaction_read_only is on"
    if type(found) is asyncpg.InternalClientError or _is_of_lost_connection(found):
        return CONNECTION_LOST
    if isinstance(found, asyncpg.InternalServerError):
        return type(found).__name__
    return f"{type(found).__name__}: {found}".partition("\n")[0]


def _is_of_lost_connection(error: BaseException) -> bool:
    if type(error) is asyncpg.InterfaceError:
        return not str(error).startswith("pool is clos")
    return _is_of_missing_protocol(error)


def trouble_of(error: BaseException, *, lost: bool) -> type[DatabaseTrouble] | None:
    """Returns what an error that left a database block means, or None for a mistake of ours.

    `lost` says whether the connection is gone. Otherwise an error of the network is not that of PostgreSQL,
    unless a statement timed out, and an error of asyncpg is a wrong use of it.
    """
    if kind := next((_KINDS[each] for each in type(error).__mro__ if each in _KINDS), None):
        return kind
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return _TROUBLES.get(state) or _TROUBLES.get(state[:2])
    if isinstance(error, TimeoutError):
        return DatabaseSlow
    broken = isinstance(error, OSError | asyncpg.InterfaceError) or _is_of_missing_protocol(error)
    return DatabaseAway if lost and broken else None


def _is_of_missing_protocol(error: BaseException) -> bool:
    """Returns whether a connection was cut between two steps of asyncpg 0.32, which then calls None."""
    return isinstance(error, AttributeError) and error.obj is None
