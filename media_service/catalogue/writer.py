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
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, exc
from sqlalchemy.dialects.sqlite import insert

from media_service.catalogue.tables import slices
from media_service.core.errors import CatalogueTrouble, StorageFull, Trouble

if TYPE_CHECKING:
    from sqlalchemy import Engine

Change: TypeAlias = Callable[[Connection], None]

BATCH = 1024
"""At most so much goes into one transaction, so that the first of a crowd is not kept waiting for the last."""

_INSERT_SLICE = insert(slices).on_conflict_do_nothing()


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
                for waiting in batch:
                    if waiting.change is not None:
                        try:
                            with connection.begin_nested():
                                waiting.change(connection)
                        except exc.IntegrityError as error:
                            failed[waiting] = _trouble(error)
                rows = [waiting.row for waiting in batch if waiting.row is not None]
                if rows:
                    connection.execute(_INSERT_SLICE, rows)
        except exc.DBAPIError as error:
            return [(waiting, _trouble(error)) for waiting in batch]
        return [(waiting, failed.get(waiting)) for waiting in batch]


def _answer(outcomes: list[tuple[_Waiting, Trouble | None]]) -> None:
    for waiting, trouble in outcomes:
        if waiting.done.done():
            continue
        if trouble is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(trouble)


def _trouble(error: exc.DBAPIError) -> Trouble:
    name = getattr(error.orig, "sqlite_errorname", "")
    trouble = StorageFull() if name == "SQLITE_FULL" else CatalogueTrouble()
    trouble.__cause__ = error
    return trouble
