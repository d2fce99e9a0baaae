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
from tests.contracts.upload_store.adapters import begun, locked, send

if TYPE_CHECKING:
    from media_service.core.ports.upload_store import UploadStore

MIB = 1024 * 1024


async def test_new_partial_has_its_length(store: UploadStore) -> None:
    await store.create("a", 3000)
    assert store.path("a").read_bytes() == bytes(3000)


async def test_partial_of_unknown_length_starts_empty_and_grows(store: UploadStore) -> None:
    await store.create("a", None)
    assert store.path("a").stat().st_size == 0
    await send(store, "a", 5, b"five")
    assert store.path("a").read_bytes() == bytes(5) + b"five"


async def test_slices_in_any_order_and_their_blocks_are_at_their_offsets(store: UploadStore) -> None:
    whole = random.Random(1).randbytes(300_000)
    starts = list(range(0, len(whole), 7000))
    random.Random(2).shuffle(starts)
    await store.create("a", len(whole))
    for start in starts:
        content = whole[start : start + 7000]
        writer = await locked(store, start, len(content))
        for at in range(0, len(content), 3000):
            await writer.write(content[at : at + 3000])
        assert await writer.commit() is None
        writer.close()
    assert store.path("a").read_bytes() == whole


@pytest.mark.parametrize("size", [None, 3 * MIB])
async def test_digest_is_that_of_the_slice(store: UploadStore, size: int | None) -> None:
    content = random.Random(3).randbytes(3 * MIB)
    await store.create("a", None)
    writer = await locked(store, 1000, size, most=3 * MIB, digest=bytes(32))
    for at in range(0, len(content), MIB):
        assert writer.extend(1000 + at + MIB)
        await writer.write(content[at : at + MIB])
    writer.end()
    assert await writer.commit() == hashlib.sha256(content).digest()
    writer.close()


async def test_one_writer_closes_and_the_other_goes_on(store: UploadStore) -> None:
    await store.create("a", 10)
    one, another = await locked(store, 0, 10), await begun(store, 10, 1)
    another.close()
    await one.write(b"still open")
    one.close()
    assert store.path("a").read_bytes() == b"still open"


async def test_without_a_partial_there_is_no_writer(store: UploadStore) -> None:
    assert await store.begin("a", 0, 1) is None
    with pytest.raises(FileNotFoundError):
        await store.trim("a", 0)
    with pytest.raises(FileNotFoundError):
        await store.sync_all("a")
    await store.discard("a")


async def test_deleted_partial_has_no_writer(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    await send(store, "a", 0, b"1")
    await other.discard("a")
    assert await store.begin("a", 0, 1) is None


async def test_replaced_partial_gets_the_bytes(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    await send(store, "a", 0, b"1")
    await other.discard("a")
    await other.create("a", 3)
    await send(store, "a", 1, b"2")
    assert store.path("a").read_bytes() == b"\x002\x00"


async def test_existing_partial_is_not_overwritten_by_create(store: UploadStore) -> None:
    await store.create("a", 4)
    await send(store, "a", 0, b"here")
    with pytest.raises(FileExistsError):
        await store.create("a", 4)
    assert store.path("a").read_bytes() == b"here"


async def test_trim_cuts_bytes_after_the_length_only(store: UploadStore) -> None:
    await store.create("a", None)
    await send(store, "a", 0, b"0123456789")
    await store.trim("a", 6)
    assert store.path("a").read_bytes() == b"012345"
    await store.trim("a", 100)
    assert store.path("a").read_bytes() == b"012345"


async def test_discarded_partial_is_gone_although_it_has_a_writer(store: UploadStore) -> None:
    await store.create("a", 10)
    writer = await begun(store, 0, 1)
    await store.discard("a")
    assert not store.path("a").exists()
    writer.close()
    assert await store.begin("a", 0, 1) is None
    assert await store.list_ids() == []


async def test_list_ids_lists_existing_partials(store: UploadStore, other: UploadStore) -> None:
    assert await store.list_ids() == []
    for upload_id in ("a", "b-_"):
        await store.create(upload_id, 1)
    assert sorted(await other.list_ids()) == ["a", "b-_"]


async def test_partials_are_concatenated_from_their_first_bytes(store: UploadStore) -> None:
    for name, content in (("a", b"first, and scratch"), ("b", b"second")):
        await store.create(name, None)
        await send(store, name, 0, content)
    await store.create("whole", 16)
    await store.concatenate("whole", [("a", 5), ("b", 6), ("a", 5)])
    assert store.path("whole").read_bytes() == b"firstsecondfirst"


async def test_source_shorter_than_stated_is_an_error(store: UploadStore) -> None:
    await store.create("a", None)
    await send(store, "a", 0, b"short")
    await store.create("whole", 10)
    with pytest.raises(StorageError):
        await store.concatenate("whole", [("a", 10)])


async def test_some_bytes_are_free(store: UploadStore) -> None:
    assert await store.free() > 0


async def test_reserve_keeps_existing_bytes(store: UploadStore) -> None:
    data = random.Random(4).randbytes(2 * MIB)
    await store.create("a", 0)
    await send(store, "a", 0, data)
    writer = await locked(store, 3 * MIB, len(data))
    await asyncio.gather(writer.reserve(0, 6 * MIB), writer.write(data))
    writer.close()
    assert store.path("a").read_bytes()[: 5 * MIB] == data + bytes(MIB) + data


async def test_no_more_is_allocated_than_was_created(store: UploadStore) -> None:
    await store.create("a", MIB)
    writer = await begun(store, 0, 1)
    assert 0 <= writer.allocated <= MIB
    writer.close()
