"""Appends: recorded while they run and when they are cut, one at a time, safe through a crash at any step."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.core.digest import Proof
from media_service.core.errors.requests import BodyCut, BodyTooSlow, IdleTimeout
from media_service.core.errors.service import ShuttingDown
from media_service.core.errors.uploads import (
    DigestMismatch,
    OffsetMismatch,
    SpanOutside,
    Superseded,
    UnknownUpload,
    UploadGone,
)
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload_states import State
from media_service.intake.receiving.append import APPEND_SLICE_BYTES, AppendRequest
from tests.intake.callers import ME, MINE, YOU
from tests.intake.rig import Crash, Rig, Steps
from tests.support.mp3 import make_mp3, make_mp3_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MP3 = make_mp3(1, seed=131)
BLOCK = 1024 * 1024


async def body(*blocks: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    """Yield these blocks, then raise `then`."""
    for block in blocks:
        yield block
    if then is not None:
        raise then


async def stalling(*blocks: bytes) -> AsyncIterator[bytes]:
    """Yield these blocks, then stall."""
    for block in blocks:
        yield block
    await asyncio.Event().wait()


async def begin(rig: Rig, length: int | None = len(MP3), *, defer_completion: bool = False) -> str:
    request = UploadRequest("show.mp3", length, defer_completion=defer_completion)
    return (await rig.intake.create(replace(request, origin=MINE), "tus"))[0].upload.id


def at(offset: int, *, length: int | None = None, last: bool = False, proof: Proof | None = None) -> AppendRequest:
    return AppendRequest(offset, None, "tus", length=length, last=last, proof=proof)


async def test_a_long_body_is_recorded_on_its_way(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, offsets = await begin(rig, 3 * APPEND_SLICE_BYTES), list[int]()

        async def progress(offset: int) -> None:
            offsets.append(offset)

        whole = make_mp3_of(20 * (BLOCK - 7), seed=132)
        blocks = [whole[start : start + BLOCK - 7] for start in range(0, len(whole), BLOCK - 7)]
        view = await rig.appends.append(upload_id, ME, at(0), body(*blocks), progress)
        assert offsets == [APPEND_SLICE_BYTES, 2 * APPEND_SLICE_BYTES, len(whole)]
        assert view.received.offset == offsets[-1]


@pytest.mark.parametrize("size", [0, 1, 700, len(MP3) - 1])
async def test_a_cut_body_keeps_what_arrived(tmp_path: Path, size: int) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, appends = await begin(rig), rig.appends
        with pytest.raises(BodyCut):
            await appends.append(upload_id, ME, at(0), body(MP3[:size], then=BodyCut()))
        assert (await appends.standing(upload_id, ME)).received.offset == size
        view = await appends.append(upload_id, ME, at(size), body(MP3[size:]))
        assert view.upload.state is State.RECEIVED
        assert rig.store.path(upload_id).read_bytes() == MP3


async def test_a_cut_body_with_a_proof_is_not_recorded(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, appends = await begin(rig), rig.appends
        proof = Proof("sha1", hashlib.sha1(MP3).digest())
        with pytest.raises(BodyCut):
            await appends.append(upload_id, ME, at(0, proof=proof), body(MP3, then=BodyCut()))
        with pytest.raises(DigestMismatch):
            await appends.append(upload_id, ME, at(0, proof=proof), body(MP3[:-1]))
        assert (await appends.standing(upload_id, ME)).received.offset == 0
        view = await appends.append(upload_id, ME, at(0, proof=proof), body(MP3))
        assert view.upload.state is State.RECEIVED


async def test_a_still_body_ends_and_what_arrived_is_kept(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", idle=0.3) as rig:
        upload_id, appends = await begin(rig), rig.appends
        with pytest.raises(IdleTimeout):
            await appends.append(upload_id, ME, at(0), stalling(MP3[:500]))
        assert (await appends.standing(upload_id, ME)).received.offset == 500


async def test_the_newest_of_three_appends_wins(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, appends = await begin(rig), rig.appends
        first = asyncio.create_task(appends.append(upload_id, ME, at(0), stalling(MP3[:100])))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(appends.append(upload_id, ME, at(100), stalling(MP3[100:300])))
        await asyncio.sleep(0.05)
        view = await appends.append(upload_id, ME, at(300), body(MP3[300:]))
        assert view.upload.state is State.RECEIVED
        for older in (first, second):
            with pytest.raises(Superseded):
                await older
        assert rig.store.path(upload_id).read_bytes() == MP3


async def test_another_owner_interrupts_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, appends = await begin(rig), rig.appends
        running = asyncio.create_task(appends.append(upload_id, ME, at(0), stalling(MP3[:100])))
        await asyncio.sleep(0.05)
        for ask in (appends.standing(upload_id, YOU), appends.append(upload_id, YOU, at(0), body(b"x"))):
            with pytest.raises(UnknownUpload):
                await ask
        assert not running.done()
        await appends.close()
        with pytest.raises(ShuttingDown):
            await running
        assert (await rig.intake.show(upload_id, ME)).received.offset == 100
        with pytest.raises(ShuttingDown):
            await appends.append(upload_id, ME, at(100), body(b"x"))


async def test_another_offset_is_refused_unread(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await begin(rig)
        with pytest.raises(OffsetMismatch) as refused:
            await rig.appends.append(upload_id, ME, at(1), body(then=AssertionError()))
        assert (refused.value.offset, refused.value.provided) == (0, 1)


async def test_deferred_upload_is_complete_when_its_client_says_so(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, appends = await begin(rig, defer_completion=True), rig.appends
        view = await appends.append(upload_id, ME, at(0), body(MP3))
        assert view.upload.state is State.RECEIVING
        view = await appends.append(upload_id, ME, at(len(MP3), last=True), body())
        assert view.upload.state is State.RECEIVED
        nothing = AppendRequest(len(MP3), 0, "tus", last=True)
        again = await appends.append(upload_id, ME, nothing, body(then=AssertionError()))
        assert again.upload.state is State.RECEIVED
        assert (await appends.append(upload_id, ME, at(len(MP3), last=True), body())).upload.state is State.RECEIVED
        with pytest.raises(SpanOutside):
            await appends.append(upload_id, ME, at(len(MP3), last=True), body(b"x"))


async def test_an_upload_without_a_known_url_is_abandoned_when_it_is_cut(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id, appends = await begin(rig), rig.appends
        unknown = AppendRequest(0, None, "tus", known=False)
        with pytest.raises(BodyCut):
            await appends.append(upload_id, ME, unknown, body(MP3[:100], then=BodyCut()))
        with pytest.raises(UploadGone):
            await appends.standing(upload_id, ME)
        assert await rig.store.list_ids() == []


async def test_a_crash_at_any_step_takes_nothing_acknowledged(tmp_path: Path) -> None:
    async with Rig(tmp_path / "before") as rig:
        upload_id = await begin(rig, defer_completion=True)
    crash_at, crashed = 0, True
    while crashed:
        crash_at, crashed = crash_at + 1, False
        folder, offsets = shutil.copytree(tmp_path / "before", tmp_path / str(crash_at)), [0]

        async def progress(offset: int, offsets: list[int] = offsets) -> None:
            offsets.append(offset)

        async with Rig(folder, Steps(crash_at)) as rig:
            try:
                request = AppendRequest(0, None, "tus", last=True)
                await rig.appends.append(upload_id, ME, request, body(MP3[:9], MP3[9:]), progress)
            except Crash:
                crashed = True
        async with Rig(folder) as rig:
            await rig.recovery.run()
            view = await rig.appends.standing(upload_id, ME)
            assert view.received.offset >= offsets[-1]
            offset = view.received.offset
            ended = await rig.appends.append(upload_id, ME, at(offset, last=True), body(MP3[offset:]))
            assert ended.upload.state is State.RECEIVED
            assert rig.store.path(upload_id).read_bytes() == MP3
    assert crash_at > 5


async def test_what_a_body_that_is_too_slow_brought_is_kept(tmp_path: Path) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        for at in range(1000):
            yield MP3[at : at + 1]
            await asyncio.sleep(0.05)

    async with Rig(tmp_path / "data", idle=1, rate=1000) as rig:
        upload_id = await begin(rig)
        # The append's timeout is shorter than its slice's, so what came is recorded.
        with pytest.raises(BodyTooSlow):
            await rig.appends.append(upload_id, ME, at(0), dripping())
        assert (await rig.intake.show(upload_id, ME)).received.offset > 0
