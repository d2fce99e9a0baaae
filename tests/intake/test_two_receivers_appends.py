"""Appends, edits and cancelling through either of two receivers, with and without the hints of the bus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.uploads import OffsetMismatch, Superseded, UploadGone
from media_service.core.upload_states import State
from media_service.intake.receiving.append import AppendRequest
from tests.intake.callers import ME
from tests.intake.receivers import MP3, PIECE, SIZE, Body, begin, begin_writing, of, send, two

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_append_continues_in_the_other_process(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as rigs:
        upload_id = await begin(rigs[0], dialect="tus")
        # Both remember the upload.
        for rig in rigs:
            await rig.intake.known(upload_id, ME)
        for number, start in enumerate(range(0, SIZE, PIECE)):
            piece = MP3[start : start + PIECE]
            view = await rigs[number % 2].appends.append(
                upload_id, ME, AppendRequest(start, len(piece), "tus"), of(piece)
            )
        assert view.upload.state is State.RECEIVED
        assert rigs[0].store.path(upload_id).read_bytes() == MP3


async def test_an_append_at_an_old_offset_is_refused(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id = await begin(one, dialect="tus")
        for rig in (one, other):
            await rig.intake.known(upload_id, ME)
        await one.appends.append(upload_id, ME, AppendRequest(0, PIECE, "tus"), of(MP3[:PIECE]))
        for size in (10, None, PIECE):
            # Recorded are other bytes than these, so this must not look like a repetition.
            with pytest.raises(OffsetMismatch):
                await other.appends.append(upload_id, ME, AppendRequest(0, size, "tus"), of(b"x" * (size or 10)))
        await one.appends.append(upload_id, ME, AppendRequest(PIECE, SIZE - PIECE, "tus"), of(MP3[PIECE:]))
        with pytest.raises(OffsetMismatch) as refused:
            await other.appends.append(upload_id, ME, AppendRequest(PIECE, 10, "tus"), of(b"x" * 10))
        assert refused.value.offset == SIZE
        assert one.store.path(upload_id).read_bytes() == MP3


async def test_a_newer_append_ends_the_older_one_and_keeps_what_it_sent(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=False) as (one, other):
        upload_id, stale = await begin(one, dialect="tus"), Body()
        older = asyncio.create_task(one.appends.append(upload_id, ME, AppendRequest(0, SIZE, "tus"), stale))
        stale.send(MP3[:PIECE])
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            standing = await other.appends.standing(upload_id, ME)
            assert standing.received.offset == PIECE
            with pytest.raises(OffsetMismatch):
                await other.appends.append(upload_id, ME, AppendRequest(0, SIZE, "tus"), of(MP3))
            rest = AppendRequest(PIECE, SIZE - PIECE, "tus")
            view = await other.appends.append(upload_id, ME, rest, of(MP3[PIECE:]))
        assert view.upload.state is State.RECEIVED
        with pytest.raises(Superseded):
            await older


async def test_an_older_append_that_waits_does_not_end_a_newer_one(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=False) as (one, other):
        upload_id, newest = await begin(one, dialect="tus"), Body()
        lock, whole = f"append:{upload_id}", AppendRequest(0, SIZE, "tus")
        assert await one.locks.acquire(lock, 0)
        older = [asyncio.create_task(rig.appends.append(upload_id, ME, whole, Body())) for rig in (one, other)]
        asking = [asyncio.create_task(rig.appends.standing(upload_id, ME)) for rig in (one, other)]
        # They wait for the lock, in both processes.
        await asyncio.sleep(0.1)
        one.time += 1
        one.locks.release(lock)
        newer = asyncio.create_task(one.appends.append(upload_id, ME, whole, newest))
        newest.send(MP3[:PIECE])
        # Meanwhile the older ones try again.
        await asyncio.sleep(0.3)
        newest.send(MP3[PIECE:])
        newest.end()
        assert (await newer).upload.state is State.RECEIVED
        for task in older:
            with pytest.raises((Superseded, OffsetMismatch)):
                await task
        for task in asking:
            await task


async def test_cancelling_in_one_process_ends_the_writer_of_the_other(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=False) as (one, other):
        upload_id, endless = await begin(one), Body()
        writing = await begin_writing(one, upload_id, endless, MP3[:5])
        async with asyncio.timeout(5):
            await other.intake.cancel(upload_id, ME)
        with pytest.raises(Superseded):
            await writing
        assert await one.store.list_ids() == []
        with pytest.raises(UploadGone):
            await send(one, upload_id, 0, 20)


async def test_what_the_other_process_cancelled_takes_no_bytes(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id = await begin(one)
        await send(one, upload_id, 0, 10)
        await other.intake.cancel(upload_id, ME)
        for start in (0, 10):
            with pytest.raises(UploadGone):
                await send(one, upload_id, start, start + 10)
        assert await one.store.list_ids() == []


async def test_a_length_set_in_one_process_holds_in_the_other(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id = await begin(one, None)
        await send(other, upload_id, 0, 10)
        await one.intake.edits.amend(upload_id, ME, length=20, tags={"title": "T"})
        assert await send(other, upload_id, 10, 20) is State.RECEIVED
        loaded = await one.database.load(upload_id)
        assert loaded is not None
        assert (loaded[0].length, loaded[0].tags) == (20, {"title": "T"})


async def test_edits_in_both_at_once_lose_none(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id = await begin(one)
        await other.intake.known(upload_id, ME)
        await asyncio.gather(
            one.intake.edits.amend(upload_id, ME, tags={"title": "T"}),
            other.intake.edits.amend(upload_id, ME, sender="Kim"),
        )
        upload = (await one.intake.show(upload_id, ME)).upload
        assert (upload.tags, upload.sender) == ({"title": "T"}, "Kim")
