"""Another process with a catalogue in PostgreSQL, which does what the test tells it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media_service.catalogue.postgresql.catalogue import PostgresCatalogue
from media_service.core.accounts import OwnerLimits
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.quota import Quota, StorageLimits
from media_service.core.upload import Slice
from tests.core.samples import make_upload
from tests.support.told_process import ToldProcess, serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable


class CatalogueProcess(ToldProcess):
    """The process, as seen by the test."""

    def __init__(self, url: str) -> None:
        super().__init__("tests.support.catalogue_process", url)


def in_each(processes: Iterable[CatalogueProcess], method: str, *arguments: Any) -> list[Any]:
    """Call a method in all of them at once; the first argument is the number of the process. Return the results."""
    called = list(processes)
    for number, process in enumerate(called):
        process.send(method, number, *arguments)
    return [process.result() for process in called]


class Worker:
    """Methods that the process serves."""

    def __init__(self, catalogue: PostgresCatalogue) -> None:
        self._catalogue = catalogue

    async def create(self, process: int, count: int, limit: int, quota: int | None) -> dict[str, int]:
        """Create uploads of 10 bytes at once, of one person with this limit; return how many ended in which way."""
        limits = StorageLimits(person=OwnerLimits(bytes=limit))
        return await _outcomes(
            self._catalogue.create(
                make_upload(id=f"{process}-{number}", length=10, account="person:p", address="192.0.2.1"),
                Quota(uploads=quota),
                limits,
            )
            for number in range(count)
        )

    async def save(self, _process: int, times: int) -> int:
        """Add so many letters to the sender of the upload `u`; return how often another change was in between."""
        conflicts = 0
        while times:
            loaded = await self._catalogue.load("u")
            assert loaded is not None
            try:
                await self._catalogue.save(replace(loaded[0], sender=f"{loaded[0].sender}x"))
                times -= 1
            except ChangedMeanwhile:
                conflicts += 1
        return conflicts

    async def record(self, process: int, uploads: int, pieces: int) -> list[str]:
        """Record every slice of 10 bytes of each upload, in an order of its own; return which uploads it completed."""
        completed: list[str] = []

        async def record(upload_id: str, number: int) -> None:
            try:
                recorded = await self._catalogue.record(upload_id, Slice(number * 10, number * 10 + 10), 5)
            except ChangedMeanwhile:
                return
            completed.extend([upload_id] if recorded.whole else [])

        numbers = range(pieces) if process % 2 else reversed(range(pieces))
        await asyncio.gather(*(record(f"u{each}", number) for number in numbers for each in range(uploads)))
        return completed


async def _outcomes(calls: Iterable[Awaitable[Any]]) -> dict[str, int]:
    done = await asyncio.gather(*calls, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException) and not isinstance(each, MediaServiceError):
            raise each
    return Counter(each.code if isinstance(each, MediaServiceError) else "done" for each in done)


async def _main(url: str) -> None:
    catalogue = PostgresCatalogue(url, waits_for_records=True)
    await catalogue.open()
    worker = Worker(catalogue)
    await serve(worker)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
