"""The service without group commit: each slice is recorded in a transaction of its own.

`python -m bench.unbatched_commits serve`, in place of `media-service serve`. `aiosqlite` executes begin, insert and
commit one after the other, which is as durable. Everything else is the service.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

import aiosqlite

from media_service import adapters, cli
from media_service.catalogue.change import Change, Refused, Rows
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.commit_server import DURABLE_PRAGMAS
from media_service.catalogue.sqlite.dialect import sql_of
from media_service.core.errors.service import CatalogueError

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.ipc.client import RpcClient


class UnbatchedWriter:
    """Replace `catalogue.sqlite.commit_client.CommitClient`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None

    async def execute(self, change: Change) -> Rows:
        """Return the rows that the statements returned, when the change is durable. Raise Refused, CatalogueError."""
        async with self._lock:
            connection = self._connection = self._connection or await self._connect()
            try:
                rows: list[Any] = []
                await connection.execute("BEGIN IMMEDIATE")
                for index, (sql, values) in enumerate(map(sql_of, change.statements)):
                    before = len(rows)
                    cursor = await connection.execute(sql, values)
                    rows += await cursor.fetchall()
                    if index == change.guard and len(rows) == before and cursor.rowcount <= 0:
                        await connection.rollback()
                        raise Refused(rows)
                for sql, values in map(sql_of, change.further) if change.further and rows[-1][-1] else ():
                    rows += await (await connection.execute(sql, values)).fetchall()
                await connection.commit()
                return rows
            except sqlite3.Error as error:
                await connection.rollback()
                raise CatalogueError from error

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(self._path, isolation_level=None)
        for pragma in DURABLE_PRAGMAS:
            await connection.execute(f"PRAGMA {pragma}")
        return connection


class Catalogue(SqliteCatalogue):
    """The catalogue, with one transaction for each request."""

    def __init__(self, path: Path, rpc: RpcClient, *, is_shared: bool = False) -> None:
        super().__init__(path, rpc, is_shared=is_shared)
        self._writer = UnbatchedWriter(path)


if __name__ == "__main__":
    # Before the application creates its parts.
    adapters.SqliteCatalogue = Catalogue  # type: ignore[attr-defined]  # no name that the application lends to others
    cli.main()
