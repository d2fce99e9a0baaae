"""The catalogue in a database of PostgreSQL."""
# ruff: noqa: D102  # the ports have the contracts

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer, column, func, select

from media_service.catalogue import reads
from media_service.catalogue.base import BaseCatalogue
from media_service.catalogue.compiled import compiled
from media_service.catalogue.postgresql.file_search import find
from media_service.catalogue.postgresql.pool import Pool
from media_service.catalogue.postgresql.recorder import Recorder

if TYPE_CHECKING:
    from sqlalchemy import Select

    from media_service.core.upload import Recorded, Slice


class PostgresCatalogue(BaseCatalogue):
    """Adapter of `core.ports.catalogue.Catalogue`.

    `waits_for_records`: before bytes are overwritten, wait for what a killed process recorded. Stores in which each
    attempt at a slice is an object overwrite nothing.
    """

    find_files = staticmethod(find)

    def __init__(self, url: str, *, waits_for_records: bool) -> None:
        self._pool = Pool(url)
        self._recorder = Recorder(url)
        super().__init__(self._pool, self._pool)
        self._peek = _peek_after_records if waits_for_records else reads.peek

    async def open(self) -> None:
        """Begin to connect to a database with the newest schema."""
        await self._pool.open()
        await self._recorder.open()

    async def close(self) -> None:
        """Close the connections, after what was begun."""
        await self._recorder.close()
        await self._pool.close()

    async def peek(self, upload_id: str, start: int, stop: int) -> tuple[int, bool] | None:
        for version, overlaps in await self._pool.rows(self._peek(upload_id, start, stop)):
            return version, overlaps
        return None

    async def record(
        self, upload_id: str, piece: Slice, now: int, *, last: bool = False, complete: bool = True
    ) -> Recorded:
        return await self._recorder.record(upload_id, piece, now, last=last, complete=complete)


@compiled
def _peek_after_records(upload_id: str, start: int, stop: int) -> Select[Any]:
    """Read the version of an upload, and whether slices overlap these bytes, after transactions that record some."""
    peeked = func.peek_slices(upload_id, start, stop)
    return select(peeked.table_valued(column("seen_version", Integer), column("overlaps", Boolean)))
