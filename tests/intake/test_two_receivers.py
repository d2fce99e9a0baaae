"""Two receivers of one data folder: any slice through either of them, with and without the hints of the bus."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.requests import BodyCut
from media_service.core.errors.uploads import OffsetMismatch, SpanOverlaps, Superseded, UploadGone
from media_service.core.lifecycle import UploadRequest
from media_service.core.ranges import Span
from media_service.core.upload_states import State
from media_service.intake.receiving.append import AppendRequest
from media_service.intake.receiving.slices import SliceRequest
from tests.intake.callers import ME, MINE
from tests.intake.rig import Rig
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.intake.receiving.active_uploads import UploadView

MP3 = make_mp3(2, seed=91)
SIZE = len(MP3)
PIECE = 4096


class Body:
    """A body whose blocks come when the test says so."""

    def __init__(self) -> None:
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, *blocks: bytes) -> None:
        """Let blocks come."""
        for block in blocks:
            self._blocks.put_nowait(block)

    def end(self) -> None:
        """Let the body end."""
        self._blocks.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (block := await self._blocks.get()) is not None:
            yield block


def of(*blocks: bytes) -> Body:
    """Return a body of these blocks."""
    body = Body()
    body.send(*blocks)
    body.end()
    return body


@pytest.fixture(params=[False, True], ids=["hints", "no hints"])
def is_deaf(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@asynccontextmanager
async def two(folder: Path, *, is_deaf: bool) -> AsyncIterator[tuple[Rig, Rig]]:
    """Yield two rigs on one folder."""
    async with Rig(folder) as one, Rig(folder, beside=one, first_id=1000, is_deaf=is_deaf) as other:
        yield one, other


async def begin(rig: Rig, length: int | None = SIZE, dialect: str = "native") -> str:
    view, _ = await rig.intake.create(UploadRequest("show.mp3", length, origin=MINE), dialect)
    return view.upload.id


async def send(rig: Rig, upload_id: str, start: int, stop: int, content: bytes = MP3) -> State:
    piece = content[start:stop]
    request = SliceRequest(start, len(piece), hashlib.sha256(piece).digest(), "native")
    return (await rig.intake.receive(upload_id, ME, request, of(piece))).upload.state


async def begin_writing(rig: Rig, upload_id: str, body: Body, first: bytes) -> asyncio.Task[UploadView]:
    """Return the writer of the first 20 bytes, after it has written these."""
    request = SliceRequest(0, 20, None, "native")
    writing = asyncio.create_task(rig.intake.receive(upload_id, ME, request, body))
    body.send(first)
    await asyncio.sleep(0.05)
    return writing


async def settled() -> None:
    """Let hints arrive."""
    for _ in range(5):
        await asyncio.sleep(0)


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
