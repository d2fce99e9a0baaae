"""Two receivers of one data folder: any slice through either of them, with and without the hints of the bus."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.requests import BodyCut
from media_service.core.errors.uploads import SpanOverlaps, Superseded
from media_service.core.ranges import Span
from media_service.core.upload_states import State
from media_service.intake.receiving.slice_request import SliceRequest
from tests.intake.callers import ME
from tests.intake.receivers import MP3, PIECE, SIZE, Body, begin, begin_writing, of, send, settled, two
from tests.intake.rig import Rig

if TYPE_CHECKING:
    from pathlib import Path


async def test_slices_through_both_complete_the_upload_once(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as rigs:
        upload_id, completed = await begin(rigs[0]), []
        for rig in {rigs[0].bus: rigs[0], rigs[1].bus: rigs[1]}.values():
            rig.bus.subscribe("changed", lambda *hint: completed.append(hint))
        starts = range(0, SIZE, PIECE)
        await asyncio.gather(
            *(send(rigs[number % 2], upload_id, start, start + PIECE) for number, start in enumerate(starts))
        )
        await settled()
        assert completed == [(upload_id, "received")]
        for rig in rigs:
            view = await rig.intake.show(upload_id, ME)
            assert (view.upload.state, list(view.received)) == (State.RECEIVED, [Span(0, SIZE)])
        loaded = await rigs[1].database.load(upload_id)
        assert loaded is not None
        assert (await rigs[1].finalizer.finish(*loaded)).state is State.SPOOLED


async def test_a_recorded_slice_is_acknowledged_and_never_overwritten(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id = await begin(one)
        # The other one remembers the upload without bytes.
        await send(other, upload_id, 0, 10)
        await send(one, upload_id, 10, 20)
        await send(other, upload_id, 10, 20)
        for request in (SliceRequest(10, 10, None, "native"), SliceRequest(10, None, None, "native")):
            await other.intake.receive(upload_id, ME, request, of(b"x" * 10))
        with pytest.raises(SpanOverlaps):
            await other.intake.receive(upload_id, ME, SliceRequest(15, 10, None, "native"), of(b"x" * 10))
        assert one.store.path(upload_id).read_bytes()[:20] == MP3[:20]


async def test_a_slice_of_unknown_size_ends_where_another_process_has_recorded(
    tmp_path: Path, *, is_deaf: bool
) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id, body = await begin(one), Body()
        writing = asyncio.create_task(other.intake.receive(upload_id, ME, SliceRequest(0, None, None, "native"), body))
        body.send(MP3[:10])
        await asyncio.sleep(0.05)
        await send(one, upload_id, 15, 30)
        body.send(b"x" * 10)
        with pytest.raises(SpanOverlaps):
            await writing
        assert one.store.path(upload_id).read_bytes()[15:30] == MP3[15:30]


async def test_the_newer_writer_of_the_same_bytes_wins(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=False) as (one, other):
        upload_id, stale = await begin(one), Body()
        writing = await begin_writing(one, upload_id, stale, b"x" * 5)
        async with asyncio.timeout(5):
            await send(other, upload_id, 0, 20)
        with pytest.raises(Superseded):
            await writing
        assert one.store.path(upload_id).read_bytes()[:20] == MP3[:20]


async def test_of_two_that_wait_for_a_third_the_newer_wins(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=False) as (one, other), Rig(tmp_path / "data", beside=one) as third:
        upload_id = await begin(one)
        # A writer whose disk is slow.
        first = await third.store.begin(upload_id, 0, 20)
        assert first is not None
        assert first.try_lock()
        older = asyncio.create_task(send(one, upload_id, 0, 20))
        await asyncio.sleep(0.1)
        newer = asyncio.create_task(send(other, upload_id, 0, 20))
        await asyncio.sleep(0.2)
        first.close()
        async with asyncio.timeout(5):
            await newer
            with pytest.raises(Superseded):
                await older


async def test_an_older_writer_that_waits_does_not_end_a_newer_one(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=False) as (one, other), Rig(tmp_path / "data", beside=one) as third:
        upload_id, slow = await begin(one), Body()
        first = await third.store.begin(upload_id, 0, 20)
        assert first is not None
        assert first.try_lock()
        older = asyncio.create_task(send(other, upload_id, 0, 20))
        await asyncio.sleep(0.1)
        one.time += 1
        first.close()
        newer = await begin_writing(one, upload_id, slow, MP3[:5])
        # Meanwhile the older one tries again.
        await asyncio.sleep(0.3)
        slow.send(MP3[5:20])
        slow.end()
        await newer
        with suppress(Superseded):
            await older
        assert len((await one.database.load(upload_id) or ((), ()))[1]) == 1


async def test_without_hints_the_newer_writer_waits_for_the_older_one(tmp_path: Path) -> None:
    async with two(tmp_path / "data", is_deaf=True) as (one, other):
        upload_id, slow = await begin(one), Body()
        older = await begin_writing(one, upload_id, slow, MP3[:5])
        newer = asyncio.create_task(send(other, upload_id, 0, 20))
        await asyncio.sleep(0.05)
        assert not newer.done()
        slow.send(MP3[5:20])
        slow.end()
        await asyncio.gather(older, newer)
        assert len((await one.database.load(upload_id) or ((), ()))[1]) == 1


async def test_writers_of_different_bytes_do_not_meet(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id, slow = await begin(one), Body()
        writing = await begin_writing(one, upload_id, slow, MP3[:5])
        async with asyncio.timeout(5):
            await send(other, upload_id, 20, 40)
        slow.send(MP3[5:20])
        slow.end()
        await writing


async def test_a_cut_slice_of_one_process_is_sent_again_through_the_other(tmp_path: Path, *, is_deaf: bool) -> None:
    async with two(tmp_path / "data", is_deaf=is_deaf) as (one, other):
        upload_id = await begin(one)
        with pytest.raises(BodyCut):
            await one.intake.receive(upload_id, ME, SliceRequest(0, 20, None, "native"), of(b"x" * 5))
        await send(other, upload_id, 0, 20)
        assert one.store.path(upload_id).read_bytes()[:20] == MP3[:20]


async def test_a_slice_of_unknown_size_locks_no_bytes_after_it(tmp_path: Path) -> None:
    """Its request may be larger than it, as a multipart body is."""
    async with two(tmp_path / "data", is_deaf=False) as (one, other):
        upload_id, first = await begin(one), Body()
        request = SliceRequest(0, None, None, "native", most=600)
        writing = asyncio.create_task(one.intake.receive(upload_id, ME, request, first))
        first.send(MP3[:10])
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await send(other, upload_id, 20, 40)
        first.send(MP3[10:20])
        first.end()
        await writing
