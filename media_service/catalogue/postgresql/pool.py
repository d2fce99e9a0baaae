"""Pool of connections that read and change rows."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation
from psycopg_pool import PoolTimeout

from media_service.catalogue.change import Change, Refused
from media_service.catalogue.postgresql.connections import connection_pool, map_errors
from media_service.catalogue.postgresql.dialect import sql_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline

    from media_service.catalogue.change import Rows
    from media_service.catalogue.compiled import Statement

CONNECTIONS = 4
"""Of each process, opened as they are needed. A search through all files must not keep others waiting."""

AWAY_SECONDS = 0.2
"""Wait for a connection while the server is known to be away, so that many requests do not wait for each other."""

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
        # Waiting here is for other statements of this process, not for the server, so it has no timeout.
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._is_away = False
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
            async with self._connection() as connection:
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
                except (DeadlockDetected, SerializationFailure, UniqueViolation):
                    # Of two that insert the same key, the second finds the first one's row when it begins again.
                    await asyncio.sleep(random.random() * RETRY_SECONDS * 2**attempt)  # noqa: S311  # no secret
            return await self._commit(change)

    async def _commit(self, change: Change) -> Rows:
        async with self._connection() as connection:
            try:
                return await _Execution(connection, change).commit()
            except BaseException:
                await connection.rollback()
                raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        async with self._free:
            task = asyncio.current_task()
            assert task is not None
            cancellations = task.cancelling()
            try:
                connection = await self._pool.getconn(AWAY_SECONDS if self._is_away else None)
            except PoolTimeout:
                self._is_away = True
                raise
            self._is_away = False
            try:
                # `asyncio.wait_for`, with which the pool waits, loses a cancellation that comes together with the
                # connection (Python 3.11). The task would run on, and the service would not end at SIGTERM.
                if task.cancelling() > cancellations:
                    raise asyncio.CancelledError
                yield connection
            finally:
                await self._pool.putconn(connection)


class _Execution:
    """The execution of a change over a connection."""

    def __init__(self, connection: AsyncConnection[Any], change: Change) -> None:
        self._connection = connection
        self._change = change
        self._sent: list[AsyncCursor[Any]] = []
        self._rows: list[Any] = []

    async def commit(self) -> Rows:
        """Execute and commit the change; return its rows. Raise Refused or psycopg.Error within the transaction."""
        # A pipeline sends statements without waiting for the results of those before, so a change takes one to three
        # round trips.
        async with self._connection.pipeline() as pipeline:
            await self._connection.execute("BEGIN")
            await self._execute(pipeline)
            await self._connection.execute("COMMIT")
        await self._fetch()
        return self._rows

    async def _execute(self, pipeline: AsyncPipeline) -> None:
        change = self._change
        for lock in change.locks:
            await self._connection.execute(*sql_of(lock))
        if change.guard is None:
            await self._send(change.statements)
        else:
            await self._send(change.statements[: change.guard + 1])
            guard = self._sent[-1]
            await pipeline.sync()
            await self._fetch()
            if guard.rowcount <= 0:
                raise Refused(self._rows)
            await self._send(change.statements[change.guard + 1 :])
        if change.further:
            await pipeline.sync()
            await self._fetch()
            if self._rows[-1][-1]:
                await self._send(change.further)

    async def _send(self, statements: Sequence[Statement]) -> None:
        self._sent += [await self._connection.execute(*sql_of(statement)) for statement in statements]

    async def _fetch(self) -> None:
        """Fetch the rows of what was sent, when the pipeline has its results."""
        for cursor in self._sent:
            if cursor.description:
                self._rows += await cursor.fetchall()
        self._sent.clear()


def _named(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], Row]:
    """Make the rows of a cursor, as `row_factory` of psycopg."""
    return _row_class(tuple(column.name for column in cursor.description or ()))


@lru_cache(512)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    numbers = {name: number for number, name in enumerate(names)}
    return type("Row", (Row,), {"__slots__": (), "numbers": numbers})
