"""Suite of `core.ports.upload_store.UploadStore` and `core.ports.upload_store.SliceWriter`.

Bytes are at their offsets, and gone after a discard.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.core.upload import Slice
from tests.contracts.upload_store.adapters import begun, fetched, locked, send

if TYPE_CHECKING:
    from media_service.core.ports.upload_store import UploadStore

MIB = 1024 * 1024


async def test_slices_in_any_order_and_their_blocks_are_at_their_offsets(store: UploadStore) -> None:
    whole = random.Random(1).randbytes(300_000)
    starts = list(range(0, len(whole), 7000))
    random.Random(2).shuffle(starts)
    await store.create("a", len(whole))
    slices = []
    for start in starts:
        content = whole[start : start + 7000]
        writer = await locked(store, start, len(content))
        for at in range(0, len(content), 3000):
            await writer.write(content[at : at + 3000])
        stored = await writer.commit()
        writer.close()
        assert stored.sha256 is None
        slices.append(Slice(start, start + len(content), None, stored.object))
    assert await fetched(store, "a", sorted(slices, key=lambda piece: piece.start)) == whole


@pytest.mark.parametrize("size", [None, 3 * MIB])
@pytest.mark.parametrize("is_expected", [True, False])
async def test_digest_is_that_of_the_slice(store: UploadStore, size: int | None, *, is_expected: bool) -> None:
    content = random.Random(3).randbytes(3 * MIB)
    digest = hashlib.sha256(content).digest()
    await store.create("a", None)
    writer = await locked(store, 1000, size, most=3 * MIB, digest=digest if is_expected else bytes(32))
    for at in range(0, len(content), MIB):
        assert writer.extend(1000 + at + MIB)
        await writer.write(content[at : at + MIB])
    writer.end()
    assert (await writer.commit()).sha256 == digest
    writer.close()


async def test_small_slice_with_a_digest_has_it(store: UploadStore) -> None:
    await store.create("a", None)
    for expected in (hashlib.sha256(b"small").digest(), bytes(32)):
        writer = await locked(store, 0, 5, digest=expected)
        await writer.write(b"small")
        assert (await writer.commit()).sha256 == hashlib.sha256(b"small").digest()
        writer.close()


async def test_one_writer_closes_and_the_other_goes_on(store: UploadStore) -> None:
    await store.create("a", 10)
    one, another = await locked(store, 0, 10), await begun(store, 10, 1)
    another.close()
    await one.write(b"still open")
    stored = await one.commit()
    one.close()
    assert await fetched(store, "a", [Slice(0, 10, None, stored.object)]) == b"still open"


async def test_fetched_bytes_grow_at_one_place(store: UploadStore) -> None:
    await store.create("a", None)
    slices = [await send(store, "a", 0, b"first")]
    first = await store.fetch("a", slices, 3)
    assert first.path.read_bytes()[:3] == b"fir"
    slices += [await send(store, "a", 5, b"second"), await send(store, "a", 20, b"far")]
    second = await store.fetch("a", slices[:2], 11)
    assert second.path.read_bytes()[:11] == b"firstsecond"
    assert first.path == second.path
    assert (await store.fetch("a", slices, 23)).path.read_bytes()[:11] == b"firstsecond"


async def test_released_bytes_are_fetched_again(store: UploadStore) -> None:
    await store.create("a", None)
    slices = [await send(store, "a", 0, b"kept")]
    for _ in range(2):
        assert await fetched(store, "a", slices) == b"kept"
        await store.release("a")
        await store.release("a")
    assert not await store.is_lost("a", slices)


async def test_lost_bytes_are_not_fetched(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", None)
    slices = [await send(store, "a", 0, b"lost")]
    await other.discard("a")
    with pytest.raises(FileNotFoundError):
        await store.fetch("a", slices, 4)
    assert await store.is_lost("a", slices)


async def test_discarded_upload_is_gone(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    slices = [await send(store, "a", 0, b"1"), await send(store, "a", 1, b"2")]
    assert await fetched(store, "a", slices)
    assert await store.list_ids() == await other.list_ids() == ["a"]
    await store.discard("a")
    await store.discard("a")
    assert await store.list_ids() == await other.list_ids() == []
    with pytest.raises(FileNotFoundError):
        await store.fetch("a", slices, 2)


async def test_list_ids_lists_uploads_with_bytes(store: UploadStore, other: UploadStore) -> None:
    assert await store.list_ids() == []
    for upload_id in ("a", "b-_"):
        await store.create(upload_id, 1)
        await send(store, upload_id, 0, b"x")
    assert sorted(await other.list_ids()) == ["a", "b-_"]


async def test_uploads_are_concatenated_from_their_first_bytes(store: UploadStore) -> None:
    parts = {}
    for name, content in (("a", b"first, and scratch"), ("b", b"second")):
        await store.create(name, None)
        parts[name] = [await send(store, name, 0, content)]
    await store.create("whole", 16)
    stored = await store.concatenate("whole", [("a", parts["a"], 5), ("b", parts["b"], 6), ("a", parts["a"], 5)])
    assert await fetched(store, "whole", [Slice(0, 16, None, stored)]) == b"firstsecondfirst"


async def test_source_shorter_than_stated_is_an_error(store: UploadStore) -> None:
    await store.create("a", None)
    slices = [await send(store, "a", 0, b"short")]
    await store.create("whole", 10)
    with pytest.raises(StorageError):
        await store.concatenate("whole", [("a", slices, 10)])


async def test_missing_source_is_file_not_found(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", None)
    slices = [await send(store, "a", 0, b"gone")]
    await other.discard("a")
    await store.create("whole", 4)
    with pytest.raises(FileNotFoundError):
        await store.concatenate("whole", [("a", slices, 4)])


async def test_some_bytes_are_free(store: UploadStore) -> None:
    assert await store.free() > 0


async def test_commits_at_once_all_return(store: UploadStore) -> None:
    await store.create("a", 64)
    slices = await asyncio.gather(*(send(store, "a", offset, b"x") for offset in range(64)))
    assert await fetched(store, "a", slices) == b"x" * 64
