"""Compare and correct the rows of `usage` in SQLite, also while the service runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from media_service.catalogue import usage_check
from media_service.catalogue.sqlite.commit_server import open_for_writing
from media_service.catalogue.sqlite.dialect import sql_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from media_service.catalogue.usage_check import UsageRow
    from media_service.core.audit import AuditEntry


def check(database: Path) -> list[UsageRow]:
    """Return every row of usage, by id, as of one moment. Raise OSError."""
    with _as_os_error(), closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        return usage_check.compare(lambda statement: connection.execute(*sql_of(statement)))


def repair(database: Path, entry: AuditEntry) -> list[UsageRow]:
    """Save what uploads and files add up to, with the entry; return the rows as before. Raise OSError."""
    with _as_os_error(), closing(open_for_writing(str(database))) as connection:
        # Nothing else is written until the commit.
        connection.execute("BEGIN IMMEDIATE")
        before = usage_check.correct(lambda statement: connection.execute(*sql_of(statement)), entry)
        connection.execute("COMMIT")
    return before


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Raise OSError for an error of the database."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
