"""Open uploads of each address, and disk space."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.limits import QuotaExceeded, TooManySlices, TooManyUploads
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.core.lifecycle import UploadRequest
from media_service.core.limits import Limits
from media_service.core.quota import Quota, Quotas
from media_service.intake.receiving.append import RECORD_SECONDS, seconds_between_records
from media_service.intake.receiving.slice_request import SliceRequest
from tests.intake.callers import ME, MINE, mine
from tests.intake.rig import Rig, Steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FAR, NEAR = "192.0.2.1", "127.0.0.1"
MIB = 1024 * 1024


async def send(rig: Rig, upload_id: str, start: int, size: int) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        yield bytes(size)

    await rig.intake.receive(upload_id, ME, SliceRequest(start, size, None, "native"), blocks())


async def test_without_an_address_and_on_this_machine_nothing_is_refused(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", quotas=Quotas(Quota(uploads=0, bytes=0))) as rig:
        for address in (NEAR, None):
            for length in (10, None):
                made, _ = await rig.intake.create(UploadRequest("a.mp3", length, origin=mine(address)), "native")
                await send(rig, made.upload.id, 0, 10)


async def test_bytes_of_unknown_length_that_are_being_written_count(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", quotas=Quotas(Quota(bytes=100))) as rig:
        ids = [
            (await rig.intake.create(UploadRequest("a.mp3", None, origin=mine(FAR)), "native"))[0].upload.id
            for _ in range(2)
        ]
        more, begun = asyncio.Event(), asyncio.Event()

        async def blocks() -> AsyncIterator[bytes]:
            yield bytes(60)
            begun.set()
            await more.wait()
            yield bytes(10)

        writing = asyncio.create_task(rig.intake.receive(ids[0], ME, SliceRequest(0, None, None, "native"), blocks()))
        await begun.wait()
        with pytest.raises(QuotaExceeded):
            await send(rig, ids[1], 0, 41)
        more.set()
        await writing
        with pytest.raises(QuotaExceeded):
            await send(rig, ids[1], 0, 31)
        await send(rig, ids[1], 0, 30)


async def test_creations_at_once_do_not_pass_the_limit_together(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", quotas=Quotas(Quota(uploads=3))) as rig:
        made = await asyncio.gather(
            *(rig.intake.create(UploadRequest("a.mp3", 10, origin=mine(FAR)), "native") for _ in range(9)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, TooManyUploads) for outcome in made) == 6
        assert len(await rig.store.list_ids()) == 3


async def test_what_ends_counts_no_more_and_what_is_open_counts_after_a_restart(tmp_path: Path) -> None:
    quotas = Quotas(Quota(uploads=2, bytes=100))
    async with Rig(tmp_path / "data", quotas=quotas) as rig:
        views = [(await rig.intake.create(UploadRequest("a.mp3", 10, origin=mine(FAR)), "native"))[0] for _ in range(2)]
        await rig.intake.cancel(views[0].upload.id, ME)
        unknown, _ = await rig.intake.create(UploadRequest("a.mp3", None, origin=mine(FAR)), "native")
        await send(rig, unknown.upload.id, 0, 80)
    async with Rig(tmp_path / "data", quotas=quotas, first_id=10) as rig:
        await rig.recovery.run()
        with pytest.raises(TooManyUploads):
            await rig.intake.create(UploadRequest("a.mp3", 10, origin=mine(FAR)), "native")
        with pytest.raises(QuotaExceeded):
            await send(rig, unknown.upload.id, 80, 11)
        with pytest.raises(QuotaExceeded):
            await rig.intake.edits.amend(unknown.upload.id, ME, length=91)
        await send(rig, unknown.upload.id, 80, 10)
        await rig.intake.cancel(views[1].upload.id, ME)
        await rig.intake.create(UploadRequest("a.mp3", 10, origin=mine(FAR)), "native")


async def test_a_creation_that_fails_counts_no_more(tmp_path: Path) -> None:
    steps = Steps()
    async with Rig(tmp_path / "data", steps, quotas=Quotas(Quota(uploads=1))) as rig:
        # Places 1 to 4 are the disk's: free space and the partial. The fifth is the catalogue's insert.
        steps.lose_answer(5)
        with pytest.raises(CatalogueError):
            await rig.intake.create(UploadRequest("a.mp3", 10, origin=mine(FAR)), "native")
        await rig.intake.create(UploadRequest("a.mp3", 10, origin=mine(FAR)), "native")


async def test_nothing_new_is_taken_below_the_reserve(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        known, _ = await rig.intake.create(UploadRequest("a.mp3", 3 * MIB, origin=MINE), "native")
        unknown, _ = await rig.intake.create(UploadRequest("a.mp3", None, origin=MINE), "native")
    async with Rig(tmp_path / "data", disk_reserve=2**60, first_id=10) as rig:
        for length in (1, None):
            with pytest.raises(StorageFull):
                await rig.intake.create(UploadRequest("a.mp3", length, origin=MINE), "native")
        for upload_id, start in ((unknown.upload.id, 0), (known.upload.id, MIB)):
            with pytest.raises(StorageFull):
                await send(rig, upload_id, start, 100)
        await send(rig, known.upload.id, 0, MIB)
        await rig.intake.cancel(known.upload.id, ME)


async def test_an_upload_has_a_number_of_slices(tmp_path: Path) -> None:
    async with Rig(
        tmp_path / "data", limits=Limits(file=2**30, slice=2**26, slice_size=2**22, slices=4, ranges=2)
    ) as rig:
        made, _ = await rig.intake.create(UploadRequest("a.mp3", 100, origin=MINE), "native")
        for start in (0, 20):
            await send(rig, made.upload.id, start, 5)
        with pytest.raises(TooManySlices):
            await send(rig, made.upload.id, 40, 5)
        for start in (5, 15):
            await send(rig, made.upload.id, start, 5)
        with pytest.raises(TooManySlices):
            await send(rig, made.upload.id, 10, 5)


def test_a_slow_append_lasts_as_long_as_an_upload_may() -> None:
    """At RECORD_SECONDS per row, 100,000 rows must last until the deadline of 30 days."""
    assert seconds_between_records(0) == RECORD_SECONDS
    assert sum(10_000 * seconds_between_records(rows) for rows in range(0, 100_000, 10_000)) > 30 * 24 * 3600
