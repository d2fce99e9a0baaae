"""Suite of `core.ports.upload_store.UploadStore` and `core.ports.upload_store.SliceWriter`.

Bytes are at their offsets, written by one process at a time, durable after a commit, and gone after a discard.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError
from media_service.storage.upload_store import DiskUploadStore
from tests.contracts.wrappers import plain, wrapped
from tests.intake.models import ModelDisk, ModelUploadStore
from tests.support.rpc import UnreliableSyncs, storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from media_service.core.ports.upload_store import SliceWriter, UploadStore

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Subject:
    """The stores of two processes; `crash` returns that of a process after both; within `syncs_fail` syncs fail."""

    store: UploadStore
    other: UploadStore
    crash: Callable[[], Awaitable[UploadStore]]
    syncs_fail: Callable[[], AbstractContextManager[None]]


@asynccontextmanager
async def disk(folder: Path, wrap: Callable[[Any], Any] = plain) -> AsyncIterator[Subject]:
    syncs = UnreliableSyncs()
    async with storage_rpc(syncs.serve) as rpc, storage_rpc() as other_rpc:
        stores = [DiskUploadStore(folder, rpc), DiskUploadStore(folder, other_rpc), DiskUploadStore(folder, rpc)]
        for store in stores:
            await store.prepare()

        async def crash() -> UploadStore:
            return stores[2]

        yield Subject(wrap(stores[0]), stores[1], crash, syncs.failing)
        for store in stores:
            store.close_idle()


@asynccontextmanager
async def model(folder: Path) -> AsyncIterator[Subject]:
    disk = ModelDisk(folder)

    async def crash() -> UploadStore:
        disk.crash()
        return ModelUploadStore(disk)

    @contextmanager
    def syncs_fail() -> Iterator[None]:
        disk.fail_next = True
        yield

    yield Subject(ModelUploadStore(disk), ModelUploadStore(disk), crash, syncs_fail)


ADAPTERS: dict[str, Callable[[Path], AbstractAsyncContextManager[Subject]]] = {
    "disk": disk,
    "wrapped": partial(disk, wrap=lambda store: wrapped(store, "concatenate")),
    "model": model,
}


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    (tmp_path / "partials").mkdir()
    async with ADAPTERS[request.param](tmp_path / "partials") as subject:
        yield subject


@pytest.fixture
def store(subject: Subject) -> UploadStore:
    return subject.store


@pytest.fixture
def other(subject: Subject) -> UploadStore:
    return subject.other


async def begun(store: UploadStore, start: int, size: int | None, **named: Any) -> SliceWriter:
    """Return a writer of upload `a`."""
    writer = await store.begin("a", start, size, **named)
    assert writer is not None
    return writer


async def locked(store: UploadStore, start: int, size: int | None, **named: Any) -> SliceWriter:
    """Return a writer of upload `a` that holds its lock."""
    writer = await begun(store, start, size, **named)
    assert writer.try_lock()
    return writer


async def send(store: UploadStore, upload_id: str, start: int, content: bytes, *, sync: bool = True) -> None:
    """Write and commit a slice."""
    writer = await store.begin(upload_id, start, len(content))
    assert writer is not None
    assert writer.try_lock()
    await writer.write(content)
    await writer.commit(sync=sync)
    writer.close()


async def holds(store: UploadStore, start: int, size: int | None) -> bool:
    """Return whether these bytes can be locked now, and free them."""
    writer = await begun(store, start, size)
    got = writer.try_lock()
    writer.close()
    return got


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


async def test_partial_that_is_deleted_before_the_lock_is_an_error(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    writer = await begun(store, 0, 1)
    await other.discard("a")
    with pytest.raises(StorageError):
        writer.try_lock()
    writer.close()


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


async def test_two_processes_write_spans_beside_each_other(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 30)
    one, another = await locked(store, 10, 10), await locked(other, 20, 10)
    before = await locked(other, 0, 10)
    await asyncio.gather(another.write(b"c" * 10), one.write(b"b" * 10), before.write(b"a" * 10))
    for writer in (one, another, before):
        await writer.commit()
        writer.close()
    assert store.path("a").read_bytes() == b"a" * 10 + b"b" * 10 + b"c" * 10


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
    assert store.path("a").read_bytes() == bytes(10)


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


async def test_committed_bytes_survive_a_crash(subject: Subject) -> None:
    await subject.store.create("a", 10)
    await send(subject.store, "a", 0, b"synced")
    after = await subject.crash()
    assert await after.list_ids() == ["a"]
    assert after.path("a").read_bytes() == b"synced" + bytes(4)


async def test_all_bytes_survive_a_crash_after_they_were_synced_together(subject: Subject) -> None:
    await subject.store.create("a", 10)
    await send(subject.store, "a", 0, b"one", sync=False)
    await send(subject.other, "a", 3, b"two", sync=False)
    await subject.other.sync_all("a")
    assert (await subject.crash()).path("a").read_bytes() == b"onetwo" + bytes(4)


async def test_concatenated_bytes_survive_a_crash(subject: Subject) -> None:
    await subject.store.create("a", 4)
    await send(subject.store, "a", 0, b"part")
    await subject.store.create("whole", 8)
    await subject.store.concatenate("whole", [("a", 4), ("a", 4)])
    assert (await subject.crash()).path("whole").read_bytes() == b"partpart"


@pytest.mark.parametrize("sync", [False, True])
async def test_slices_before_a_failed_sync_are_lost_and_later_ones_are_not(subject: Subject, *, sync: bool) -> None:
    """The kernel reports lost pages once: the next sync of the same file succeeds."""
    await subject.store.create("a", 10)
    failing, before = await locked(subject.store, 0, 4), await locked(subject.store, 4, 4)
    await failing.write(b"lost")
    await before.write(b"lost")
    with subject.syncs_fail(), pytest.raises(StorageError):
        await failing.commit()
    with pytest.raises(StorageError):
        await before.commit(sync=sync)
    failing.close()
    before.close()
    await send(subject.store, "a", 0, b"again")
    assert (await subject.crash()).path("a").read_bytes()[:5] == b"again"


async def test_failed_sync_of_all_is_an_error(subject: Subject) -> None:
    await subject.store.create("a", 10)
    await send(subject.store, "a", 0, b"lost", sync=False)
    with subject.syncs_fail(), pytest.raises(StorageError):
        await subject.store.sync_all("a")


async def test_commits_at_once_all_return(store: UploadStore) -> None:
    await store.create("a", 64)
    await asyncio.gather(*(send(store, "a", offset, b"x") for offset in range(64)))
    assert store.path("a").read_bytes() == b"x" * 64
