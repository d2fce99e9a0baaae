"""The one thread that commits.

Everything that waits when the thread comes round goes into one transaction, and is answered when that is durable:
many slices share one sync of the log, and a lone slice waits for nobody. There is one writing connection, so SQLite's
lock is never fought for; reads have their own and see what is committed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, case
from sqlalchemy.dialects.sqlite import insert

from media_service.catalogue.tables import slices
from media_service.core.errors import CatalogueTrouble, StorageFull, Trouble

if TYPE_CHECKING:
    from sqlalchemy import Engine

Change: TypeAlias = Callable[[Connection], None]

BATCH = 1024
"""At most so much goes into one transaction, so that the first of a crowd is not kept waiting for the last."""

_insert = insert(slices)
# The same slice again is no error; one that begins alike and ends elsewhere breaks NOT NULL, and is not acknowledged.
_INSERT_SLICE = _insert.on_conflict_do_update(
    index_elements=["upload_id", "start"],
    set_={"stop": case((slices.c.stop == _insert.excluded.stop, slices.c.stop), else_=None)},
)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A slice's row or a change, and who waits for it."""

    done: asyncio.Future[None]
    row: dict[str, Any] | None = None
    change: Change | None = None


class Writer:
    """Takes rows and changes from one event loop and commits them in batches on a thread of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the thread, for the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="catalogue-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commits what waits and ends the thread."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    async def record(self, row: dict[str, Any]) -> None:
        """Returns when this row of `slices` is durable. Raises StorageFull, CatalogueTrouble."""
        waiting = _Waiting(asyncio.get_running_loop().create_future(), row=row)
        self._queue.put(waiting)
        await waiting.done

    async def change(self, change: Change) -> None:
        """Returns when what `change` executes is durable, all or nothing. Raises StorageFull, CatalogueTrouble."""
        waiting = _Waiting(asyncio.get_running_loop().create_future(), change=change)
        self._queue.put(waiting)
        await waiting.done

    def _run(self) -> None:
        assert self._loop is not None
        with self._engine.connect() as connection:
            while (first := self._queue.get()) is not None:
                batch = self._gather(first)
                outcomes = self._commit(connection, batch)
                self._loop.call_soon_threadsafe(_answer, outcomes)

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

    def _commit(self, connection: Connection, batch: list[_Waiting]) -> list[tuple[_Waiting, Trouble | None]]:
        """One transaction for the batch. A change that fails takes nothing else with it; a failing commit takes all."""
        failed: dict[_Waiting, Trouble] = {}
        try:
            with connection.begin():
                for is_row, run in groupby(batch, key=lambda waiting: waiting.row is not None):
                    together = list(run)
                    if not is_row or not self._insert(connection, together):
                        for waiting in together:
                            if error := self._attempt(connection, waiting):
                                failed[waiting] = _trouble(error)
        except Exception as error:
            # The top of the one thread: if it ended, everybody would wait for ever.
            return [(waiting, _trouble(error)) for waiting in batch]
        return [(waiting, failed.get(waiting)) for waiting in batch]

    def _insert(self, connection: Connection, together: list[_Waiting]) -> bool:
        """Slices that came one after the other, as one statement; False, and nothing done, when one of them fails."""
        savepoint = connection.begin_nested()
        try:
            connection.execute(_INSERT_SLICE, [waiting.row for waiting in together if waiting.row is not None])
            savepoint.commit()
        except Exception:
            if not _alive(connection):
                raise
            savepoint.rollback()
            return False
        return True

    def _attempt(self, connection: Connection, waiting: _Waiting) -> Exception | None:
        """Does one thing, all or nothing."""
        savepoint = connection.begin_nested()
        try:
            if waiting.change is not None:
                waiting.change(connection)
            if waiting.row is not None:
                connection.execute(_INSERT_SLICE, [waiting.row])
            savepoint.commit()
        except Exception as error:
            if not _alive(connection):
                raise
            savepoint.rollback()
            return error
        return None


def _alive(connection: Connection) -> bool:
    """Whether SQLite still has the transaction: a full disk ends it, savepoints and all."""
    return bool(connection.connection.driver_connection.in_transaction)  # type: ignore[union-attr]


def _answer(outcomes: list[tuple[_Waiting, Trouble | None]]) -> None:
    for waiting, trouble in outcomes:
        if waiting.done.done():
            continue
        if trouble is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(trouble)


def _trouble(error: Exception) -> Trouble:
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
    trouble = StorageFull() if name == "SQLITE_FULL" else CatalogueTrouble()
    trouble.__cause__ = error
    return trouble
