"""Partials on disk: descriptors, allocation, failed syncs, full disks."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError, StorageFull
from media_service.ipc import server as rpc_server
from media_service.ipc.client import RpcClient
from media_service.storage.open_partial import OpenPartial
from media_service.storage.partials import MAX_IDLE_PARTIALS, DiskPartials
from media_service.storage.sync import server as sync_server
from media_service.storage.sync.client import SyncClient
from media_service.storage.write_latency import WriteLatency
from tests.storage.small_disk import on_small_disk
from tests.support.rpc import served, storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIB = 1024 * 1024


@pytest_asyncio.fixture
async def partials(tmp_path: Path) -> AsyncIterator[DiskPartials]:
    """Yield partials in an empty folder; check that no descriptor leaks."""
    before = open_files()
    async with storage_rpc() as rpc:
        partials = DiskPartials(tmp_path / "deep" / "partials", rpc)
        await partials.prepare()
        among = open_files()
        yield partials
        partials.close_idle()
        await notified(rpc)
        assert open_files() == among
    assert open_files() == before


async def notified(rpc: RpcClient) -> None:
    """Return when the server has handled every notification."""
    await rpc.call(("sync", b"/nowhere"))


def opened(descriptor: int, path: Path, rpc: RpcClient) -> OpenPartial:
    """Return a partial over the test's descriptor, synced at `path`."""
    return OpenPartial(
        path, descriptor, latency=WriteLatency(), executor=ThreadPoolExecutor(1), sync_client=SyncClient(rpc)
    )


@asynccontextmanager
async def unreachable(path: Path, rpc: RpcClient) -> AsyncIterator[None]:
    """Move the file away, so that the sync server cannot open it."""
    rpc.notify(("close", os.fsencode(path)))
    await notified(rpc)
    elsewhere = path.rename(path.with_suffix(".elsewhere"))
    yield
    elsewhere.rename(path)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_folder_and_files_are_for_this_user_alone(partials: DiskPartials) -> None:
    await partials.create("a", 10)
    path = partials.path("a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_new_partial_has_its_space_allocated(partials: DiskPartials) -> None:
    await partials.create("a", 3 * MIB)
    status = partials.path("a").stat()
    assert status.st_size == 3 * MIB
    assert status.st_blocks * 512 >= 3 * MIB


async def test_writers_share_one_descriptor_and_it_stays_open_after_the_last(partials: DiskPartials) -> None:
    await partials.create("a", 10)
    one, other = await partials.open("a"), await partials.open("a")
    assert one is not None
    assert one is other
    partials.close("a")
    await one.write(0, b"still open")
    partials.close("a")
    assert await partials.open("a") is one
    partials.close("a")
    assert partials.path("a").read_bytes() == b"still open"


async def test_idle_descriptors_are_limited_in_both_processes(partials: DiskPartials, rpc: RpcClient) -> None:
    partials = DiskPartials(partials.path("a").parent, rpc)
    before = open_files()
    for number in range(MAX_IDLE_PARTIALS + 10):
        await partials.create(str(number), 10)
        await partials.open(str(number))
        partials.close(str(number))
    await notified(rpc)
    assert open_files() == before + 2 * MAX_IDLE_PARTIALS
    partials.close_idle()
    await notified(rpc)
    assert open_files() == before


async def test_partial_with_a_failed_sync_is_reopened(tmp_path: Path, rpc: RpcClient) -> None:
    partials = DiskPartials(tmp_path, rpc)
    await partials.create("a", 10)
    failed = await partials.open("a")
    assert failed is not None
    async with unreachable(partials.path("a"), rpc):
        with pytest.raises(StorageError):
            await failed.sync(failed.epoch)
    partials.close("a")
    assert (await partials.open("a")) is not failed
    partials.close("a")
    partials.close_idle()


async def test_symbolic_link_in_place_of_a_partial_is_not_followed(partials: DiskPartials, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    partials.path("a").symlink_to(tmp_path / "other")
    with pytest.raises(StorageError):
        await partials.open("a")


async def test_other_files_of_the_folder_are_not_listed(partials: DiskPartials) -> None:
    await partials.create("a", 1)
    partials.path("x").with_suffix(".other").touch()
    assert await partials.list_ids() == ["a"]


async def test_failed_write_is_a_storage_error(partials: DiskPartials, rpc: RpcClient) -> None:
    await partials.create("a", 10)
    reading = opened(os.open(partials.path("a"), os.O_RDONLY), partials.path("a"), rpc)
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
    partials = DiskPartials(tmp_path, rpc)
    await partials.create("a", 10)
    partial = await partials.open("a")
    assert partial is not None
    before = partial.epoch
    syncing = asyncio.create_task(partial.sync(before))
    await asyncio.sleep(0.01)
    far.close()
    with pytest.raises(StorageError):
        await syncing
    with pytest.raises(StorageError):
        await partial.sync(partial.epoch)
    async with served(rpc, sync_server.serve):
        with pytest.raises(StorageError):
            await partial.sync(before)
        await partial.write(0, b"again")
        await partial.sync(partial.epoch)
    partials.close("a")
    partials.close_idle()


async def test_tasks_that_wait_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    """A slow server receives two syncs: the first, and one for all tasks that arrived meanwhile."""
    received: list[list[str]] = []

    def slow(connection: socket.socket) -> None:
        for requests in rpc_server.receive_requests(connection):
            received.append([what[0] for _, what in requests])
            time.sleep(0.02)
            rpc_server.respond(connection, [(number, None) for number, _ in requests if number])

    async with served(RpcClient(), slow) as rpc:
        partials = DiskPartials(tmp_path, rpc)
        await partials.create("shared", MIB)
        partial = await partials.open("shared")
        assert partial is not None

        async def write_and_sync(number: int) -> None:
            await partial.write(number * 1000, bytes(1000))
            await partial.sync(partial.epoch)

        await asyncio.gather(*map(write_and_sync, range(64)))
        partials.close("shared")
        partials.close_idle()
    assert sum(requests.count("sync") for requests in received) == 2


async def create_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        partials = DiskPartials(disk / "partials", rpc)
        await partials.prepare()
        await partials.create("fits", 3 * MIB)
        try:
            await partials.create("too-large", 3 * MIB)
        except StorageFull:
            left = sorted(await partials.list_ids())
            await partials.discard("fits")
            await partials.create("too-large", 3 * MIB)
            return left, sorted(await partials.list_ids())
        return None


def test_partial_that_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", create_on_full_disk) == [["fits"], ["too-large"]]


async def write_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        partials = DiskPartials(disk / "partials", rpc)
        await partials.prepare()
        await partials.create("a", None)
        partial = await partials.open("a")
        assert partial is not None
        taken, block = 0, random.Random(3).randbytes(MIB)
        try:
            while True:
                await partial.write(taken, block)
                taken += MIB
        except StorageFull:
            pass
        await partial.sync(partial.epoch)
        whole = partials.path("a").read_bytes()[:taken] == block * (taken // MIB)
        await partials.trim("a", MIB)
        await partial.write(MIB, block)
        await partial.sync(partial.epoch)
        partials.close("a")
        return taken // MIB, whole, partials.path("a").read_bytes() == block * 2, await partials.free() > 0


def test_full_disk_keeps_what_was_written_and_continues_after_space_is_freed(tmp_path: Path) -> None:
    taken, before, after, free = on_small_disk(tmp_path / "disk", write_on_full_disk)
    assert taken in (3, 4)
    assert before
    assert after
    assert free


async def test_reserve_allocates_space_and_extends_the_file(partials: DiskPartials) -> None:
    await partials.create("a", 0)
    partial = await partials.open("a")
    assert partial is not None
    await partial.reserve(0, 6 * MIB)
    await partial.reserve(6 * MIB, 6 * MIB + 5)
    partials.close("a")
    status = partials.path("a").stat()
    assert status.st_size == 6 * MIB + 5
    assert status.st_blocks * 512 >= 6 * MIB


async def test_allocated_is_the_size_without_holes_and_zero_with_one(partials: DiskPartials) -> None:
    await partials.create("a", MIB)
    partial = await partials.open("a")
    assert partial is not None
    assert partial.allocated == MIB
    await partial.write(8 * MIB, b"far away")
    assert partial.allocated == 0
    partials.close("a")


async def reserve_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        partials = DiskPartials(disk / "partials", rpc)
        await partials.prepare()
        await partials.create("a", MIB)
        partial = await partials.open("a")
        assert partial is not None
        try:
            await partial.reserve(MIB, 64 * MIB)
        except StorageFull:
            await partial.write(0, b"goes on")
            await partial.reserve(MIB, 2 * MIB)
            partials.close("a")
            return partials.path("a").read_bytes()[:7].decode()


def test_reserve_on_a_full_disk_fails_and_writes_continue(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", reserve_on_full_disk) == "goes on"
