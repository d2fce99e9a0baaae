"""Pool of read-only connections, each with a thread."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import aiosqlite

from media_service.catalogue.sqlite.dialect import sql_of
from media_service.core.errors.service import CatalogueError

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.catalogue.compiled import Statement

CONNECTIONS = 2  # so that reading one upload does not wait for a search through all files


class ConnectionPool:
    """Execute statements that only read: the `Reader` of the catalogue."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: list[aiosqlite.Connection] = []
        self._busy: dict[aiosqlite.Connection, int] = {}

    async def open(self) -> None:
        """Open the connections."""
        for _ in range(CONNECTIONS):
            connection = await aiosqlite.connect(self._path, isolation_level=None)
            self._connections.append(connection)
            connection.row_factory = sqlite3.Row
            # Text that is not UTF-8 would otherwise fail the whole read.
            connection.text_factory = partial(str, encoding="utf-8", errors="replace")
            for pragma in ("query_only=ON", "busy_timeout=10000"):
                await connection.execute_fetchall(f"PRAGMA {pragma}")
        self._busy = dict.fromkeys(self._connections, 0)

    async def close(self) -> None:
        """Close the connections, each after the reads that wait for it."""
        while self._connections:
            await self._connections.pop().close()

    async def rows(self, statement: Statement) -> list[sqlite3.Row]:
        """Return every row: a cursor of a cancelled caller would block a connection. Raise CatalogueError."""
        if not self._connections:
            raise CatalogueError
        idlest = min(self._connections, key=self._busy.__getitem__)
        self._busy[idlest] += 1
        try:
            return list(await idlest.execute_fetchall(*sql_of(statement)))
        except sqlite3.Error as error:
            raise CatalogueError from error
        finally:
            self._busy[idlest] -= 1
