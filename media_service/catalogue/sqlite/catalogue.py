"""The catalogue in one SQLite file, read over a pool of connections and written by the commit server."""
# ruff: noqa: D102  # the ports have the contracts

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from media_service.catalogue import reads, recording
from media_service.catalogue.base import BaseCatalogue
from media_service.catalogue.change import Change
from media_service.catalogue.coercion import integer
from media_service.catalogue.sqlite.commit_client import CommitClient
from media_service.catalogue.sqlite.connection_pool import ConnectionPool
from media_service.catalogue.sqlite.file_search import find
from media_service.catalogue.sqlite.inline_connection import InlineConnection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.upload import Recorded, Slice
    from media_service.ipc.client import RpcClient


class SqliteCatalogue(BaseCatalogue):
    """Adapter of `core.ports.catalogue.Catalogue`. `is_shared`: several processes record slices."""

    find_files = staticmethod(find)

    def __init__(self, path: Path, rpc: RpcClient, *, is_shared: bool = False) -> None:
        self._path = path
        self._pool = ConnectionPool(path)
        self._peeking = InlineConnection(path)
        super().__init__(self._pool, CommitClient(rpc))
        self._is_shared = is_shared

    async def open(self) -> None:
        """Open the reading connections of a migrated database. Raise OSError."""
        # It contains names of people, which other users of this machine must not read.
        await asyncio.to_thread(os.chmod, self._path, 0o600)
        await self._pool.open()
        self._peeking.open()

    async def settle(self) -> None:
        """Return when all that other processes sent before is committed, also by one that has died."""
        await self._writer.execute(Change([]))

    async def close(self) -> None:
        self._peeking.close()
        await self._pool.close()

    async def peek(self, upload_id: str, start: int, stop: int) -> tuple[int, bool] | None:
        statement = reads.peek(upload_id, start, stop)
        rows: Sequence[Any]
        if self._is_shared:
            # Read after all records that other processes sent: the lock of a process that was killed is free before its
            # record is committed, and its bytes must not be overwritten.
            rows = await self._change(Change([statement]))
        else:
            # On the event loop: 25 to 65 µs on a busy machine, where a thread of the pool took 270.
            rows = self._peeking.rows(statement) or await self._pool.rows(statement)
        for version, overlaps in rows:
            return integer(version) or 0, bool(overlaps)
        return None

    async def record(
        self, upload_id: str, piece: Slice, now: int, *, last: bool = False, complete: bool = True
    ) -> Recorded:
        change = recording.record(upload_id, piece, now, last=last, complete=complete)
        return recording.recorded(await self._change(change))
