"""yoyo's backend for PostgreSQL as we need it: atomic migrations, tried again when they do not get a lock."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from psycopg.errors import LockNotAvailable
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import Migration

LOCK_PATIENCE_SECONDS = 300.0
"""How long a migration is tried again while a transaction holds a lock that it needs."""

logger = logging.getLogger(__name__)


class AtomicBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend, but a migration and its record are written in one transaction.

    yoyo writes the record afterwards: a process that is killed in between leaves a database on which that
    migration can be neither applied nor rolled back. A migration with `-- transactional: false` runs without
    a transaction and must be safe to repeat.

    yoyo has no types. The methods that this class overrides and calls are internals of yoyo 9.0, as are
    `init_database`, `break_lock` and `DatabaseURI`, hence the upper bound in setup.cfg.
    """

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        with self._prepared(migration):
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        with self._prepared(migration):
            migration.process_steps(self, "rollback", force=force)
            self.log_migration(migration, "rollback")
            self.unmark_one(migration, log=False)

    @contextmanager
    def _prepared(self, migration: Migration) -> Iterator[None]:
        """Reads the migration and holds the transaction that it asks for."""
        self.ensure_internal_schema_updated()
        migration.load()
        with self.transaction() if migration.use_transactions else nullcontext():
            yield


def attempts(backend: AtomicBackend, migration: Migration) -> Retrying:
    """Returns the attempts at a migration: again while it does not get a lock, and longer and longer apart.

    In between it holds no lock at all, so that those who queued behind it get their turn.
    """

    def say_so(state: RetryCallState) -> None:
        if state.attempt_number == 1:
            logger.warning(
                "%s does not get a lock (%s): trying again for %d s",
                *(migration.id, _oldest_transaction(backend), LOCK_PATIENCE_SECONDS),
            )

    return Retrying(
        retry=retry_if_exception_type(LockNotAvailable),
        wait=wait_random_exponential(multiplier=0.5, max=15),
        stop=stop_after_delay(LOCK_PATIENCE_SECONDS),
        before_sleep=say_so,
        reraise=True,
    )


def _oldest_transaction(backend: AtomicBackend) -> str:
    """Returns who is likely to hold the lock, in words."""
    row = backend.execute(
        """
        select pid, application_name, extract(epoch from clock_timestamp() - xact_start)::integer
        from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
        order by xact_start
        limit 1
        """
    ).fetchone()
    return "the oldest transaction: process {}, {!r}, {} s old".format(*row) if row else "nobody holds it now"
