"""Suite of `core.ports.upload_store`: bytes are written by one process at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from tests.contracts.upload_store.adapters import PARTIALS, begun, fetched, holds, locked

if TYPE_CHECKING:
    from media_service.core.ports.upload_store import UploadStore

pytestmark = pytest.mark.parametrize("adapter", PARTIALS, indirect=True)


async def test_partial_that_is_deleted_before_the_lock_is_an_error(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    writer = await begun(store, 0, 1)
    await other.discard("a")
    with pytest.raises(StorageError):
        writer.try_lock()
    writer.close()


async def test_two_processes_write_spans_beside_each_other(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 30)
    one, another = await locked(store, 10, 10), await locked(other, 20, 10)
    before = await locked(other, 0, 10)
    await asyncio.gather(another.write(b"c" * 10), one.write(b"b" * 10), before.write(b"a" * 10))
    for writer in (one, another, before):
        await writer.commit()
        writer.close()
    assert await fetched(store, "a") == b"a" * 10 + b"b" * 10 + b"c" * 10


@pytest.mark.parametrize(("start", "size"), [(10, 10), (0, 11), (19, 5), (12, 3), (0, 100), (12, None)])
async def test_locked_bytes_exclude_the_other_process_until_closed(
    store: UploadStore, other: UploadStore, start: int, size: int | None
) -> None:
    await store.create("a", 100)
    writer = await locked(store, 10, 10)
    assert not await holds(other, start, size)
    assert await holds(other, 0, 10)
    assert await holds(other, 20, 80)
    writer.close()
    assert await holds(other, start, size)


async def test_writer_that_did_not_get_its_lock_frees_nothing(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 100)
    writer = await locked(store, 10, 10)
    assert not await holds(other, 10, 10)
    assert not await holds(other, 10, 10)
    writer.close()


async def test_lock_may_be_tried_until_it_is_free(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 100)
    first, second = await locked(store, 10, 10), await begun(other, 10, 10)
    assert not second.try_lock()
    first.close()
    assert second.try_lock()
    await second.write(b"now")
    second.close()


async def test_slice_of_unknown_size_locks_as_it_grows(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", None)
    ahead = await locked(other, 20, 10)
    writer = await locked(store, 0, None)
    assert await holds(other, 1, 10)
    assert writer.extend(10)
    assert writer.extend(5)
    assert not await holds(other, 9, 1)
    assert await holds(other, 10, 1)
    assert not writer.extend(21)
    await writer.write(b"0123456789")
    ahead.close()
    assert writer.extend(21)
    writer.close()
    assert await holds(other, 0, 100)


async def test_bytes_without_a_lock_are_never_written(store: UploadStore) -> None:
    await store.create("a", 10)
    writer = await begun(store, 0, 5)
    with pytest.raises(AssertionError):
        await writer.write(b"12345")
    assert writer.try_lock()
    with pytest.raises(AssertionError):
        await writer.write(b"123456")
    writer.close()
    assert await fetched(store, "a") == bytes(10)


async def test_exclusive_waits_for_every_writer_and_excludes_later_ones(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    for writing, excluding in ((store, other), (other, store), (store, store)):
        writer = await locked(writing, 3, 4)
        assert not await excluding.try_exclusive("a")
        writer.close()
        assert await excluding.try_exclusive("a")
        assert not await holds(writing, 0, 1)
        assert not await holds(writing, 10**9, 1)
        assert not await store.try_exclusive("a")
        assert not await other.try_exclusive("a")
        excluding.end_exclusive("a")
        assert await holds(writing, 0, 10)


async def test_partial_can_be_trimmed_and_discarded_under_the_exclusive_lock(
    store: UploadStore, other: UploadStore
) -> None:
    await store.create("a", 10)
    assert await other.try_exclusive("a")
    await other.trim("a", 5)
    await other.discard("a")
    other.end_exclusive("a")
    assert await store.begin("a", 0, 1) is None


async def test_without_a_partial_the_exclusive_lock_is_free(store: UploadStore) -> None:
    assert await store.try_exclusive("a")
    await store.discard("a")
    store.end_exclusive("a")
    await store.create("a", 10)
    assert await holds(store, 0, 10)


async def test_uploads_do_not_share_locks(store: UploadStore, other: UploadStore) -> None:
    for upload_id in ("a", "b"):
        await store.create(upload_id, 10)
    writer = await locked(store, 0, 10)
    assert await other.try_exclusive("b")
    await other.discard("b")
    other.end_exclusive("b")
    writer.close()
