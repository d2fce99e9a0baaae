"""Compare and correct the rows of `usage` in PostgreSQL, also while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import IsolationLevel

from media_service.catalogue import usage_check
from media_service.catalogue.postgresql.connections import SYNC_COMMITS, connected
from media_service.catalogue.postgresql.dialect import sql_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from psycopg import Connection

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.usage_check import UsageRow
    from media_service.core.audit import AuditEntry


def check(url: str) -> list[UsageRow]:
    """Return every row of usage, by id, as of one moment. Raise UnusableDatabase."""
    with connected(url) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            return usage_check.compare(_executing(connection))


def repair(url: str, entry: AuditEntry) -> list[UsageRow]:
    """Save what uploads and files add up to, with the entry; return the rows as before. Raise UnusableDatabase."""
    with connected(url) as connection:
        connection.execute(SYNC_COMMITS)
        with connection.transaction():
            # Whatever changes what counts changes `usage` before, or inserts what it counts afterwards.
            connection.execute("LOCK TABLE usage IN SHARE ROW EXCLUSIVE MODE")
            return usage_check.correct(_executing(connection), entry)


def _executing(connection: Connection[tuple[Any, ...]]) -> Callable[[Statement], list[tuple[Any, ...]]]:
    def execute(statement: Statement) -> list[tuple[Any, ...]]:
        cursor = connection.execute(*sql_of(statement))
        return cursor.fetchall() if cursor.description else []

    return execute
