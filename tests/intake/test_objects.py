"""Uploads whose slices are objects: any slice through any node, and every step of finishing on them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError
from media_service.core.errors.uploads import SliceDiffers, Superseded
from media_service.core.upload import Review, Slice
from media_service.core.upload_states import State
from tests.intake.callers import ME
from tests.intake.finishing import TEXT, finish_all, receive, the_rows
from tests.intake.objects import object_nodes
from tests.intake.receivers import MP3, PIECE, SIZE, Body, begin, begin_writing, send, settled
from tests.intake.test_concatenate import make_part, request
from tests.support.mp3 import make_frames
from tests.support.s3 import ENGINES, Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.storage.s3.location import S3Location

__all__ = ["buckets"]

FRAMES = make_frames(100, seed=5)


@pytest.fixture(params=list(ENGINES))
def location(request: pytest.FixtureRequest, buckets: Buckets) -> S3Location:
    return buckets.on(request.param).location()


@pytest_asyncio.fixture
async def nodes(location: S3Location, tmp_path: Path) -> AsyncIterator[Any]:
    async with object_nodes(tmp_path / "data", location) as nodes:
        yield nodes


async def state_of(node: Any, upload_id: str) -> State:
    loaded = await node.database.load(upload_id)
    assert loaded is not None
    return loaded[0].state  # type: ignore[no-any-return]  # a node passes for any rig


async def test_slices_sent_twice_at_once_through_both_nodes_become_one_file(nodes: Any) -> None:
    upload_id = await begin(nodes[0])
    starts = [start for start in range(0, SIZE, PIECE) for _ in range(2)]
    random.Random(3).shuffle(starts)
    sends = [send(nodes[number % 2], upload_id, start, start + PIECE) for number, start in enumerate(starts)]
    await asyncio.gather(*sends)
    assert await state_of(nodes[1], upload_id) is State.RECEIVED
    await finish_all(nodes[1])
    _, file = await the_rows(nodes[0], upload_id)
    assert (await nodes[0].stored(file.spool_entry.name)).endswith(MP3[-50_000:])
    await settled()
    assert await nodes[0].keys() == [f"spool/{file.spool_entry.name}"]


async def test_of_two_writers_the_one_that_is_not_recorded_first_ends(nodes: Any) -> None:
    upload_id, stale = await begin(nodes[0]), Body()
    writing = await begin_writing(nodes[0], upload_id, stale, b"x" * 5)
    await send(nodes[1], upload_id, 0, 20)
    async with asyncio.timeout(5):
        with pytest.raises(Superseded):
            await writing
    await send(nodes[0], upload_id, 20, SIZE)
    await finish_all(nodes[0])
    assert await state_of(nodes[0], upload_id) is State.SPOOLED


async def test_slice_with_other_bytes_than_the_other_node_recorded_meanwhile_is_refused(
    nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, record = await begin(nodes[0]), nodes[0].database.record

    async def record_second(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        await send(nodes[1], upload_id, 0, PIECE)
        return await record(*args, **options)

    monkeypatch.setattr(nodes[0].database, "record", record_second)
    with pytest.raises(SliceDiffers):
        await send(nodes[0], upload_id, 0, PIECE, bytes(SIZE))
    await send(nodes[0], upload_id, PIECE, SIZE)
    await finish_all(nodes[0])
    assert await state_of(nodes[0], upload_id) is State.SPOOLED


async def test_row_without_its_object_loses_the_upload_and_a_broken_store_does_not(
    nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, lost = [await receive(nodes[0], FRAMES, f"{name}.mp3") for name in ("kept", "lost")]
    (key,) = [key for key in await nodes[0].keys() if key.startswith(f"uploads/{lost}/")]
    await nodes[0].client.delete([key])
    loaded = await nodes[1].database.load(kept)

    def broken(*_given: Any, **_named: Any) -> Any:
        raise StorageError

    with monkeypatch.context() as patch:
        patch.setattr(nodes[1].client, "get", broken)
        with pytest.raises(StorageError):
            await nodes[1].finalizer.finish(*loaded)
    await finish_all(nodes[1])
    assert [await state_of(nodes[0], upload_id) for upload_id in (kept, lost)] == [State.SPOOLED, State.LOST]


async def test_rejected_file_is_kept_and_accepted_after_a_second_look(nodes: Any) -> None:
    upload_id = await receive(nodes[0], TEXT, "text.mp3")
    await finish_all(nodes[1])
    assert await state_of(nodes[0], upload_id) is State.REJECTED
    assert await nodes[0].store.list_ids() == []
    content = await nodes[0].rejected.content(upload_id)
    assert b"".join([block async for block in content.read(0, content.size)]) == TEXT
    await nodes[0].rejected.recheck(upload_id, Review.FORCED)
    await finish_all(nodes[1])
    assert (await nodes[0].stored("text.mp3")).endswith(TEXT)
    assert await nodes[0].keys() == ["spool/text.mp3"]


async def test_file_is_rejected_before_all_of_it_came(nodes: Any) -> None:
    size = 2 * 1024 * 1024
    upload_id = await begin(nodes[1], 10 * size)
    await send(nodes[1], upload_id, 0, size, b"no sound" * (size // 8))
    await send(nodes[1], upload_id, 3 * size, 3 * size + 8, bytes(4 * size))
    async with asyncio.timeout(20):
        while await state_of(nodes[0], upload_id) is State.RECEIVING:
            await asyncio.sleep(0.02)
    assert await nodes[0].rejected.kept_bytes(upload_id) == size
    async with asyncio.timeout(5):
        while nodes[0].scratch.path(upload_id).exists():
            await asyncio.sleep(0.02)


async def test_parts_are_concatenated_and_finished(nodes: Any) -> None:
    parts = [await make_part(nodes[number % 2], piece) for number, piece in enumerate((MP3[:9000], MP3[9000:]))]
    view = await nodes[0].concatenator.concatenate(request(*parts), parts, ME, "tus")
    assert await nodes[0].store.list_ids() == [view.upload.id]
    await finish_all(nodes[1])
    assert await state_of(nodes[0], view.upload.id) is State.SPOOLED


async def test_finished_file_is_edited_and_read(nodes: Any) -> None:
    upload_id = await receive(nodes[0], FRAMES)
    await finish_all(nodes[1])
    _, file = await the_rows(nodes[0], upload_id)
    edited, _ = await nodes[0].retagger.edit(file.id, {"title": "일요일"}, lambda _: True)
    stored = await nodes[1].stored("show.mp3")
    assert (len(stored), "일요일".encode() in stored or "일요일".encode("utf-16")[2:] in stored) == (
        edited.spool_entry.size,
        True,
    )
    assert await nodes[0].keys() == ["spool/show.mp3"]


async def test_sweeper_deletes_what_no_upload_needs_and_nothing_else(nodes: Any) -> None:
    receiving, cancelled = await begin(nodes[0]), await begin(nodes[1])
    for upload_id in (receiving, cancelled):
        await send(nodes[0], upload_id, 0, PIECE)
    late = await nodes[1].store.begin(cancelled, PIECE, 4)
    await late.write(b"late")
    await nodes[0].intake.cancel(cancelled, ME)
    await late.commit()
    late.close()
    unknown = await nodes[1].store.begin("unknown-to-the-rows-00", 0, 1)
    await unknown.write(b"x")
    await unknown.commit()
    unknown.close()
    await nodes[0].store.fetch(cancelled, [], 0)
    await nodes[0].leftovers.clear()
    assert await nodes[0].store.list_ids() == [receiving]
    (_, slices) = await nodes[0].database.load(receiving)
    assert (await nodes[1].store.fetch(receiving, slices, PIECE)).path.read_bytes() == MP3[:PIECE]
    assert isinstance(slices[0], Slice)
