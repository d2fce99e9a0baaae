"""A read-only connection that is used on the event loop: for queries that take less time than a hop to a thread."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from media_service.catalogue.sqlite.dialect import sql_of

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.catalogue.compiled import Statement


class InlineConnection:
    """Execute statements that read a few rows by a key, in the calling thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the connection; without one, every statement is left to others."""
        with suppress(sqlite3.Error):
            self._connection = sqlite3.connect(self._path, isolation_level=None)
            # The event loop must not wait, for instance for another process that recovers the log.
            for pragma in ("query_only=ON", "busy_timeout=0"):
                self._connection.execute(f"PRAGMA {pragma}").close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, statement: Statement) -> list[Any] | None:
        """Return every row as of the last committed transaction; None if the database is locked or fails."""
        if self._connection is None:
            return None
        try:
            return self._connection.execute(*sql_of(statement)).fetchall()
        except sqlite3.Error:
            return None
