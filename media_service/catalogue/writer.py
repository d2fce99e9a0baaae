"""The one thread that commits.

Everything that waits when the thread comes round goes into one transaction, and is answered when that is durable:
many slices share one sync of the log, and a lone slice waits for nobody. There is one writing connection, so SQLite's
lock is never fought for; reads have their own and see what is committed.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.catalogue.statements import gathered
from media_service.core.errors import CatalogueTrouble, StorageFull, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from media_service.catalogue.compiled import Statement

BATCH = 1024
"""At most so much goes into one transaction, so that the first of a crowd is not kept waiting for the last."""


def writing_connection(path: Path) -> sqlite3.Connection:
    """A connection whose transactions, begun and ended by us, are durable when they end."""
    connection = sqlite3.connect(path, isolation_level=None)
    make_durable(connection)
    return connection


def make_durable(connection: sqlite3.Connection) -> None:
    """WAL, and the log synced at each commit: with `synchronous=NORMAL` a power cut loses acknowledged rows."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()


@dataclass(slots=True, eq=False)
class _Waiting:
    """Statements that are executed all or none, and who waits for them."""

    statements: Sequence[Statement]
    done: asyncio.Future[None]


class Writer:
    """Takes statements from one event loop and commits them in batches on a thread of its own, in their order.

    `connect` opens the writing connection, in that thread; its driver must leave transactions to us.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    def start(self) -> None:
        """Starts the thread, for the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="catalogue-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commits what waits and ends the thread."""
        self._stopped = True
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    async def execute(self, statements: Sequence[Statement]) -> None:
        """Returns when the statements are durable, all or nothing. Raises StorageFull, CatalogueTrouble."""
        if self._stopped:
            raise CatalogueTrouble
        waiting = _Waiting(statements, asyncio.get_running_loop().create_future())
        self._queue.put(waiting)
        await waiting.done

    def _run(self) -> None:
        assert self._loop is not None
        connection: sqlite3.Connection | None = None
        while (first := self._queue.get()) is not None:
            batch = self._gather(first)
            try:
                connection = connection or self._connect()
                outcomes = _commit(connection, batch)
            except Exception as error:
                # The top of the one thread: if it ended, everybody would wait for ever.
                outcomes = [(waiting, _trouble(error)) for waiting in batch]
            self._loop.call_soon_threadsafe(_answer, outcomes)
        if connection is not None:
            connection.close()

    def _gather(self, first: _Waiting) -> list[_Waiting]:
        batch = [first]
        while len(batch) < BATCH:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            if waiting is None:
                self._queue.put(None)
                break
            batch.append(waiting)
        return batch


def _commit(connection: sqlite3.Connection, batch: list[_Waiting]) -> list[tuple[_Waiting, Trouble | None]]:
    """One transaction for the batch; where that fails, one for each, so that nobody fails for another's statements."""
    trouble = _attempt(connection, batch)
    if trouble is None or len(batch) == 1:
        return [(waiting, trouble) for waiting in batch]
    return [(waiting, _attempt(connection, [waiting])) for waiting in batch]


def _attempt(connection: sqlite3.Connection, batch: list[_Waiting]) -> Trouble | None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for sql, values in gathered(statement for waiting in batch for statement in waiting.statements):
            connection.execute(sql, values)
        connection.execute("COMMIT")
    except Exception as error:
        # A full disk ends the transaction by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return _trouble(error)
    return None


def _answer(outcomes: list[tuple[_Waiting, Trouble | None]]) -> None:
    for waiting, trouble in outcomes:
        if waiting.done.done():
            continue
        if trouble is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(trouble)


def _trouble(error: Exception) -> Trouble:
    name = getattr(error, "sqlite_errorname", "")
    trouble = StorageFull() if name == "SQLITE_FULL" else CatalogueTrouble()
    trouble.__cause__ = error
    return trouble
