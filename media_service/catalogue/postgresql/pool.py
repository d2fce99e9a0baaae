"""Pool of connections that read and change rows."""

from __future__ import annotations

import asyncio
import random
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.errors import DeadlockDetected, SerializationFailure

from media_service.catalogue.change import Change, Refused
from media_service.catalogue.postgresql.connections import connection_pool, map_errors
from media_service.catalogue.postgresql.dialect import sql_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import AsyncConnection, AsyncCursor

    from media_service.catalogue.change import Rows
    from media_service.catalogue.compiled import Statement

CONNECTIONS = 4
"""Of each process, opened as they are needed. A search through all files must not keep others waiting."""

ATTEMPTS = 5
"""Of a change that the server has undone because another one was in its way."""

RETRY_SECONDS = 0.05
"""Maximum wait before the second attempt; doubled before each further one."""


class Row(tuple[Any, ...]):
    """A row whose columns have their numbers and names."""

    __slots__ = ()
    numbers: ClassVar[dict[str, int]]

    def __getitem__(self, column: Any) -> Any:
        """Return a column."""
        return super().__getitem__(self.numbers[column] if isinstance(column, str) else column)


class Pool:
    """Execute reads and changes: the `Reader` and the `Writer` of the catalogue."""

    def __init__(self, url: str) -> None:
        self._pool = connection_pool(url, size=CONNECTIONS)
        self._changes: set[asyncio.Task[Rows]] = set()

    async def open(self) -> None:
        """Begin to connect. A server that is away fails what needs it."""
        await self._pool.open()

    async def close(self) -> None:
        """Close the connections, after the changes that were begun."""
        await asyncio.gather(*self._changes, return_exceptions=True)
        await self._pool.close()

    async def rows(self, statement: Statement) -> list[Row]:
        """Return every row. Raise CatalogueError."""
        with map_errors():
            async with self._pool.connection() as connection:
                cursor = connection.cursor(row_factory=_named)
                return await (await cursor.execute(*sql_of(statement))).fetchall()

    async def execute(self, change: Change) -> Rows:
        """Return the rows that the statements returned, when they are committed.

        Raise Refused, StorageFull, CatalogueError. If the connection breaks, the change may be committed.
        """
        # A caller that is cancelled would have the statement cancelled that the server executes at this moment.
        task = asyncio.create_task(self._execute(change))
        self._changes.add(task)
        task.add_done_callback(self._note_end)
        return await asyncio.shield(task)

    def _note_end(self, task: asyncio.Task[Rows]) -> None:
        self._changes.discard(task)
        # asyncio complains about an exception that nobody has asked for, as after a cancellation.
        task.exception()

    async def _execute(self, change: Change) -> Rows:
        with map_errors():
            for attempt in range(ATTEMPTS - 1):
                try:
                    return await self._commit(change)
                except (DeadlockDetected, SerializationFailure):
                    await asyncio.sleep(random.random() * RETRY_SECONDS * 2**attempt)  # noqa: S311  # no secret
            return await self._commit(change)

    async def _commit(self, change: Change) -> Rows:
        async with self._pool.connection() as connection, connection.transaction():
            return await _apply(connection, change)


async def _apply(connection: AsyncConnection[Any], change: Change) -> Rows:
    """Execute the statements of the change; return the rows of all but its locks. Raise Refused, psycopg.Error."""
    for statement in change.locks:
        await connection.execute(*sql_of(statement))
    rows: list[Any] = []
    for index, statement in enumerate(change.statements):
        cursor = await connection.execute(*sql_of(statement))
        found = await _fetched(cursor)
        rows += found
        if index == change.guard and not found and cursor.rowcount <= 0:
            raise Refused(rows)
    if change.further and rows[-1][-1]:
        for statement in change.further:
            rows += await _fetched(await connection.execute(*sql_of(statement)))
    return rows


def _named(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], Row]:
    """Make the rows of a cursor, as `row_factory` of psycopg."""
    return _row_class(tuple(column.name for column in cursor.description or ()))


@lru_cache(512)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    numbers = {name: number for number, name in enumerate(names)}
    return type("Row", (Row,), {"__slots__": (), "numbers": numbers})


async def _fetched(cursor: AsyncCursor[Any]) -> Sequence[Any]:
    return await cursor.fetchall() if cursor.description else ()
