"""The upload store on disk: descriptors, allocation, failed syncs."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media_service.core.errors.service import StorageError
from media_service.ipc import server as rpc_server
from media_service.ipc.client import RpcClient
from media_service.storage import open_partials
from media_service.storage.allocate import CALL_BYTES
from media_service.storage.block_writer import BlockWriter
from media_service.storage.open_partial import OpenPartial
from media_service.storage.open_partials import MAX_IDLE
from media_service.storage.sync import server as sync_server
from media_service.storage.sync.client import SyncClient
from media_service.storage.upload_store import DiskUploadStore
from tests.storage.partials import MIB, locked, notified, open_files
from tests.support.rpc import UnreliableSyncs, served, storage_rpc


def opened(descriptor: int, path: Path, rpc: RpcClient) -> OpenPartial:
    """Return a partial over the test's descriptor, synced at `path`."""
    threads = ThreadPoolExecutor(1)
    return OpenPartial(
        "a", path, descriptor, writer=BlockWriter(threads), executor=threads, sync_client=SyncClient(rpc)
    )


async def test_folder_and_files_are_for_this_user_alone(store: DiskUploadStore) -> None:
    await store.create("a", 10)
    path = store.path("a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_new_partial_has_its_space_allocated(store: DiskUploadStore) -> None:
    await store.create("a", 3 * MIB)
    status = store.path("a").stat()
    assert status.st_size == 3 * MIB
    assert status.st_blocks * 512 >= 3 * MIB


async def test_writers_share_one_descriptor_and_it_stays_open_after_the_last(store: DiskUploadStore) -> None:
    await store.create("a", 10)
    before = open_files()
    for _ in range(2):
        one, other = await locked(store, 0, 5), await locked(store, 5, 5)
        other.close()
        await one.write(b"still")
        one.close()
        # One here and one in the sync server.
        assert open_files() <= before + 2
    assert store.path("a").read_bytes() == b"still" + bytes(5)


async def test_idle_descriptors_are_limited_in_both_processes(store: DiskUploadStore, rpc: RpcClient) -> None:
    store = DiskUploadStore(store.path("a").parent, rpc)
    before = open_files()
    for number in range(MAX_IDLE + 10):
        await store.create(str(number), 10)
        writer = await store.begin(str(number), 0, 1)
        assert writer is not None
        writer.close()
    await notified(rpc)
    assert open_files() == before + 2 * MAX_IDLE
    store.close_idle()
    await notified(rpc)
    assert open_files() == before


async def test_idle_partial_that_another_process_deleted_is_closed(
    store: DiskUploadStore, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_partials, "IDLE_CHECK_SECONDS", 0.01)
    store = DiskUploadStore(store.path("a").parent, rpc)
    before = open_files()
    for upload_id in ("a", "b"):
        await store.create(upload_id, 10)
        writer = await store.begin(upload_id, 0, 1)
        assert writer is not None
        writer.close()
    store.path("a").rename(store.path("a").with_suffix(".rejected"))
    while True:
        await asyncio.sleep(0.01)
        await notified(rpc)
        if open_files() == before + 2:
            break
    store.close_idle()
    await notified(rpc)
    assert open_files() == before


async def test_bytes_written_to_a_deleted_partial_are_not_committed(store: DiskUploadStore) -> None:
    await store.create("a", 10)
    lost = await locked(store, 0, 4)
    await lost.write(b"lost")
    # Another program replaces it: the service itself needs the lock for that.
    store.path("a").unlink()
    await store.create("a", 10)
    refused = await store.begin("a", 4, 4)
    assert refused is not None
    with pytest.raises(StorageError):
        refused.try_lock()
    refused.close()
    for sync in (True, False):
        with pytest.raises(StorageError):
            await lost.commit(sync=sync)
    lost.close()
    kept = await locked(store, 4, 4)
    await kept.write(b"kept")
    await kept.commit()
    kept.close()
    assert store.path("a").read_bytes() == bytes(4) + b"kept" + bytes(2)


async def test_partial_with_a_second_name_in_the_quarantine_is_not_written_to(
    store: DiskUploadStore, tmp_path: Path
) -> None:
    await store.create("a", 4)
    (await locked(store, 0, 4)).close()
    rejected = tmp_path / "a.rejected"
    rejected.hardlink_to(store.path("a"))
    await store.discard("a")
    await store.create("a", 4)
    writer = await locked(store, 0, 4)
    await writer.write(b"anew")
    writer.close()
    assert rejected.read_bytes() == bytes(4)


async def test_partial_with_a_failed_sync_is_reopened(tmp_path: Path) -> None:
    syncs = UnreliableSyncs()
    async with storage_rpc(syncs.serve) as rpc:
        store = DiskUploadStore(tmp_path, rpc)
        before = open_files()
        await store.create("a", 10)
        failed = await locked(store, 0, 1)
        with syncs.failing(), pytest.raises(StorageError):
            await failed.commit()
        failed.close()
        await notified(rpc)
        assert open_files() == before
        again = await locked(store, 0, 1)
        await again.commit()
        again.close()
        store.close_idle()


async def test_symbolic_link_in_place_of_a_partial_is_not_followed(store: DiskUploadStore, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    store.path("a").symlink_to(tmp_path / "other")
    with pytest.raises(StorageError):
        await store.begin("a", 0, 1)
    with pytest.raises(StorageError):
        await store.try_exclusive("a")


async def test_other_files_of_the_folder_are_not_listed(store: DiskUploadStore) -> None:
    await store.create("a", 1)
    store.path("x").with_suffix(".other").touch()
    assert await store.list_ids() == ["a"]


async def test_failed_write_is_a_storage_error(store: DiskUploadStore, rpc: RpcClient) -> None:
    await store.create("a", 10)
    reading = opened(os.open(store.path("a"), os.O_RDONLY), store.path("a"), rpc)
    try:
        with pytest.raises(StorageError):
            await reading.write(0, b"x")
    finally:
        os.close(reading.descriptor)


async def test_failed_sync_is_a_storage_error(rpc: RpcClient) -> None:
    with Path("/dev/null").open("wb") as null:
        with pytest.raises(StorageError) as caught:
            await opened(null.fileno(), Path("/dev/null"), rpc).sync(0)
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.EINVAL


async def test_sync_without_a_response_loses_what_was_written_before_it(tmp_path: Path) -> None:
    near, far = socket.socketpair()
    rpc = RpcClient()
    await rpc.connect(near)
    store = DiskUploadStore(tmp_path, rpc)
    await store.create("a", 10)
    before, also = await locked(store, 0, 5), await locked(store, 5, 5)
    committing = asyncio.create_task(before.commit())
    await asyncio.sleep(0.01)
    far.close()
    with pytest.raises(StorageError):
        await committing
    async with served(rpc, sync_server.serve):
        with pytest.raises(StorageError):
            await also.commit()
        before.close()
        also.close()
        again = await locked(store, 0, 5)
        await again.write(b"again")
        await again.commit()
        again.close()
    store.close_idle()


async def test_tasks_that_wait_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    """A slow server receives two syncs: the first, and one for all tasks that arrived meanwhile."""
    received: list[list[str]] = []

    def slow(connection: socket.socket) -> None:
        for requests in rpc_server.receive_requests(connection):
            received.append([what[0] for _, what in requests])
            time.sleep(0.02)
            rpc_server.respond(connection, [(number, None) for number, _ in requests if number])

    async with served(RpcClient(), slow) as rpc:
        store = DiskUploadStore(tmp_path, rpc)
        await store.create("shared", MIB)

        async def write_and_sync(number: int) -> None:
            writer = await store.begin("shared", number * 1000, 1000)
            assert writer is not None
            assert writer.try_lock()
            await writer.write(bytes(1000))
            await writer.commit()
            writer.close()

        await asyncio.gather(*map(write_and_sync, range(64)))
        store.close_idle()
    assert sum(requests.count("sync") for requests in received) == 2


async def test_reserve_allocates_space_and_extends_the_file(store: DiskUploadStore) -> None:
    await store.create("a", 0)
    writer = await locked(store, 0, 1)
    await writer.reserve(0, 6 * MIB)
    await writer.reserve(6 * MIB, 6 * MIB + 5)
    writer.close()
    status = store.path("a").stat()
    assert status.st_size == 6 * MIB + 5
    assert status.st_blocks * 512 >= 6 * MIB


async def test_reservation_of_several_calls_has_no_hole_and_keeps_written_bytes(store: DiskUploadStore) -> None:
    await store.create("a", 0)
    size = 2 * CALL_BYTES + 5
    writer = await locked(store, size - 4, 4)
    await writer.write(b"kept")
    await writer.reserve(0, size)
    assert writer.allocated == size
    assert store.path("a").read_bytes().endswith(b"kept")
    writer.close()


async def test_allocated_is_the_size_without_holes_and_zero_with_one(store: DiskUploadStore) -> None:
    await store.create("a", MIB)
    writer = await locked(store, 8 * MIB, 8)
    assert writer.allocated == MIB
    await writer.write(b"far away")
    assert writer.allocated == 0
    writer.close()
