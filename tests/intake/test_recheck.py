"""A second look at rejected files: one at a time, and no byte is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.uploads import UnknownUpload, WrongState
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload import Review
from media_service.core.upload_states import State
from media_service.intake.receiving.slice_request import SliceRequest
from tests.catalogue.samples import write
from tests.intake.callers import ME, MINE
from tests.intake.finishing import TEXT, finish_all, receive
from tests.intake.rig import HOUR, Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def test_a_second_look_at_what_is_purged_meanwhile_finds_no_upload(tmp_path: Path) -> None:
    """The file is purged between the check and its return."""
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, TEXT)
        await finish_all(rig)
        kept = rig.quarantine.size

        async def kept_until_then(asked: str) -> int | None:
            size = await kept(asked)
            await rig.quarantine.discard(asked)
            return size

        rig.quarantine.size = kept_until_then  # type: ignore[assignment,method-assign]  # the purge at its worst moment
        with pytest.raises(UnknownUpload):
            await rig.rejected.recheck(upload_id, Review.FORCED)
        assert (await rig.intake.show(upload_id, ME)).upload.state is State.REJECTED


def recheck_before_discarding(rig: Rig) -> list[asyncio.Task[None]]:
    """Recheck the first upload whose partial is about to be discarded; return the list of this one recheck."""
    discard, rechecks = rig.store.discard, list[asyncio.Task[None]]()

    async def discard_late(upload_id: str) -> None:
        if not rechecks:
            recheck = rig.rejected.recheck(upload_id, Review.FORCED)
            rechecks.append(asyncio.create_task(recheck))
            await asyncio.wait(rechecks, timeout=0.3)
        await discard(upload_id)

    rig.store.discard = discard_late  # type: ignore[method-assign]  # the recheck at its worst moment
    return rechecks


@pytest.mark.parametrize("early", [False, True])
async def test_recheck_before_the_partial_is_discarded_loses_no_bytes(tmp_path: Path, *, early: bool) -> None:
    """The row is rejected already; `early`: all bytes came, but the client has not said that they are all."""
    async with Rig(tmp_path / "data") as rig:
        data = TEXT * 400
        view, _ = await rig.intake.create(
            UploadRequest("text.mp3", len(data), defer_completion=early, origin=MINE), "native"
        )
        upload_id = view.upload.id
        rechecks = recheck_before_discarding(rig)

        async def blocks() -> AsyncIterator[bytes]:
            yield data

        running = asyncio.create_task(rig.finalizer.run())
        await rig.intake.receive(upload_id, ME, SliceRequest(0, len(data), None, "native"), blocks())
        async with asyncio.timeout(20):
            while not rechecks:
                await asyncio.sleep(0.01)
            await rechecks[0]
            await rig.intake.wait_for_verdict(upload_id, 20)
        running.cancel()
        ended = (await rig.intake.show(upload_id, ME)).upload
        assert ended.state is State.SPOOLED
        assert rig.spool.path("text.mp3").read_bytes().endswith(data)


async def test_two_second_looks_at_once_are_one(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, TEXT)
        await finish_all(rig)
        looks = (rig.rejected.recheck(upload_id, Review.FORCED) for _ in range(4))
        ended = await asyncio.gather(*looks, return_exceptions=True)
        assert [type(each) for each in ended] == [type(None), WrongState, WrongState, WrongState]


async def test_a_sweep_during_a_second_look_takes_no_cover(tmp_path: Path) -> None:
    """The bytes are back, and the row does not say so yet, when the quarantine's are too old."""
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, TEXT)
        await finish_all(rig)
        write(rig.folders.catalogue, f"INSERT INTO covers VALUES ('{upload_id}', x'01')")
        restore = rig.quarantine.restore

        async def restore_and_sweep(upload_id: str) -> None:
            await restore(upload_id)
            rig.time += 100 * 365 * 24 * HOUR
            await rig.sweeper.expire()

        rig.quarantine.restore = restore_and_sweep  # type: ignore[method-assign]  # the sweep at its worst moment
        await rig.rejected.recheck(upload_id, Review.AGAIN)
        assert await rig.database.cover(upload_id) == b"\x01"


async def test_the_disk_is_not_asked_about_an_id_that_is_none(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        asked: list[str] = []
        kept = rig.quarantine.size

        async def noted(upload_id: str) -> int | None:
            asked.append(upload_id)
            return await kept(upload_id)

        rig.quarantine.size = noted  # type: ignore[method-assign]  # who asks
        for upload_id in ("../../admin-token", "\0", "x" * 300):
            with pytest.raises(UnknownUpload):
                await rig.rejected.recheck(upload_id, Review.AGAIN)
        assert asked == []
