"""Record slices in groups: all that wait in this process go to the database in one statement."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError

from media_service.catalogue.postgresql.connections import connection_pool, map_errors
from media_service.catalogue.rows import slice_row
from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import CatalogueError, ChangedMeanwhile
from media_service.core.upload import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.upload import Slice

    # Version of the upload, None if the slice was refused; whether the upload is whole.
    Outcome = tuple[int | None, bool]

    # What the function in the database takes, and where its outcome goes.
    Request = tuple[dict[str, Any], asyncio.Future[Outcome]]

MAX_BATCH = 1024
"""Slices of one statement; limits how long the first one waits for the last."""

_RECORD = "SELECT new_version, is_whole FROM record_slices(%s)"


class Recorder:
    """Record the slices of one process, over a connection of its own."""

    def __init__(self, url: str) -> None:
        self._pool = connection_pool(url, size=1)
        self._waiting: list[Request] = []
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to connect. A server that is away fails what needs it."""
        await self._pool.open()

    async def close(self) -> None:
        """Record what waits, and close the connection."""
        if self._task is not None:
            await self._task
        await self._pool.close()

    async def record(self, upload_id: str, piece: Slice, now: int, *, last: bool, complete: bool) -> Recorded:
        """Record a slice as `core.ports.catalogue`. Raise ChangedMeanwhile, StorageFull, CatalogueError."""
        values = slice_row(upload_id, piece, now) | {"last": last, "complete": complete}
        if piece.digest is not None:
            values["digest"] = piece.digest.hex()
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((values, outcome))
        if self._task is None:
            self._task = asyncio.create_task(self._record_all())
        version, is_whole = await outcome
        if version is None:
            raise ChangedMeanwhile
        return Recorded(is_whole, version)

    async def _record_all(self) -> None:
        """Record what waits, and what comes meanwhile."""
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                await self._record(batch)
            finally:
                _fail([outcome for _, outcome in batch], None)
        self._task = None

    async def _record(self, batch: Sequence[Request]) -> None:
        """Record slices in one transaction; if it fails, each in one of its own."""
        try:
            with map_errors():
                outcomes = await self._execute([values for values, _ in batch])
        except ServiceError as error:
            # Only the values of one slice can be what the database does not take.
            if len(batch) > 1 and not isinstance(error.__cause__, OperationalError):
                for request in batch:
                    await self._record([request])
            _fail([outcome for _, outcome in batch], error)
            return
        for (_, outcome), found in zip(batch, outcomes, strict=True):
            if not outcome.done():
                outcome.set_result(found)

    async def _execute(self, pieces: Sequence[dict[str, Any]]) -> list[Outcome]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(_RECORD, (json.dumps(pieces),))).fetchall()


def _fail(outcomes: Sequence[asyncio.Future[Outcome]], error: ServiceError | None) -> None:
    """Let those that have no result yet fail, each with an exception of its own."""
    for outcome in outcomes:
        if not outcome.done():
            failed = CatalogueError() if error is None else type(error)()
            failed.__cause__ = None if error is None else error.__cause__
            outcome.set_exception(failed)
