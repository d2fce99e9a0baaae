"""The sync server: slices read back from the file, and descriptors that are closed."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.ipc.client import RpcClient
from media_service.storage.open_partials import MAX_IDLE, OpenPartials
from media_service.storage.slice_digest import InlineDigest, SidecarDigest
from media_service.storage.sync import server as sync_server
from media_service.storage.sync.client import READ_BACK_MIN_BYTES, SyncClient
from media_service.storage.sync.server import DIGEST_THREADS, SYNC_THREADS
from media_service.storage.upload_store import DiskUploadStore
from tests.storage.partials import open_files
from tests.storage.small_disk import on_small_disk
from tests.support.rpc import served, storage_rpc

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from media_service.storage.open_partial import OpenPartial
    from media_service.storage.slice_digest import SliceDigest

MIB = 1024 * 1024
CONTENT = random.Random(71).randbytes(3 * MIB)


def partials_in(folder: Path, rpc: RpcClient) -> OpenPartials:
    return OpenPartials(folder.joinpath, SyncClient(rpc), folder, ThreadPoolExecutor(1))


def opened(partials: OpenPartials, upload_id: str = "a") -> OpenPartial:
    """Create an empty partial, if there is none, and open it."""
    partial = partials.acquire(upload_id)
    if partial is None:
        partials.path_of(upload_id).touch()
        partial = partials.acquire(upload_id)
    assert partial is not None
    return partial


async def write(partial: OpenPartial, digest: SliceDigest, start: int, content: bytes, block: int = 256 * 1024) -> None:
    """Write and hash block by block, as a slice is received."""
    for at in range(0, len(content), block):
        await partial.write(start + at, content[at : at + block])
        digest.update(content[at : at + block])


async def value(digest: SliceDigest) -> bytes:
    """Return the digest after the last byte."""
    digest.end()
    return await digest.value()


def sidecar_digest(rpc: RpcClient, partial: OpenPartial, start: int) -> SidecarDigest:
    return SidecarDigest(rpc, os.fsencode(partial.path), start)


async def test_large_slices_are_read_back_and_small_ones_hashed_inline(tmp_path: Path, rpc: RpcClient) -> None:
    partial = opened(partials := partials_in(tmp_path, rpc))
    least = READ_BACK_MIN_BYTES
    for expected, kind in ((least, SidecarDigest), (least - 1, InlineDigest), (None, InlineDigest)):
        if len(os.sched_getaffinity(0)) > 1:
            assert isinstance(partial.digest(0, expected), kind)
    partials.release(partial)
    partials.close_idle()


async def test_with_one_processor_no_slice_is_read_back(tmp_path: Path, rpc: RpcClient) -> None:
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        partials = partials_in(tmp_path, rpc)
    finally:
        os.sched_setaffinity(0, processors)
    partial = opened(partials)
    assert isinstance(partial.digest(0, 64 * MIB), InlineDigest)
    partials.release(partial)
    partials.close_idle()


async def test_slices_of_several_uploads_are_read_back_concurrently(tmp_path: Path, rpc: RpcClient) -> None:
    partials = partials_in(tmp_path, rpc)

    async def receive(number: int) -> bool:
        content = random.Random(number).randbytes(2 * MIB + number)
        partial = opened(partials, f"u{number}")
        first, second = sidecar_digest(rpc, partial, 0), sidecar_digest(rpc, partial, MIB)
        await asyncio.gather(write(partial, first, 0, content[:MIB]), write(partial, second, MIB, content[MIB:]))
        digests = await asyncio.gather(value(first), value(second))
        partials.release(partial)
        return list(digests) == [hashlib.sha256(part).digest() for part in (content[:MIB], content[MIB:])]

    assert all(await asyncio.gather(*map(receive, range(12))))
    partials.close_idle()


async def test_digest_is_of_the_file_and_not_of_the_received_bytes(tmp_path: Path, rpc: RpcClient) -> None:
    partial = opened(partials := partials_in(tmp_path, rpc))
    digest = sidecar_digest(rpc, partial, 0)
    await write(partial, digest, 0, CONTENT[:1000])
    damaged = b"\0" + CONTENT[1:1000]
    partial.path.write_bytes(damaged)
    assert await value(digest) == hashlib.sha256(damaged).digest()
    partials.release(partial)
    partials.close_idle()


async def test_file_shorter_than_the_slice_is_an_error(tmp_path: Path, rpc: RpcClient) -> None:
    partial = opened(partials := partials_in(tmp_path, rpc))
    digest = sidecar_digest(rpc, partial, 10)
    await write(partial, digest, 10, CONTENT[: MIB + 500])
    os.truncate(partial.path, MIB)
    with pytest.raises(StorageError):
        await value(digest)
    partials.release(partial)
    partials.close_idle()


async def test_restarted_server_reads_the_whole_slice(tmp_path: Path) -> None:
    rpc = RpcClient()
    near, far = socket.socketpair()
    await rpc.connect(near)
    partials = partials_in(tmp_path, rpc)
    partial = opened(partials)
    digest = sidecar_digest(rpc, partial, 100)
    await write(partial, digest, 100, CONTENT[: 2 * MIB])
    await asyncio.sleep(0)
    far.close()
    await rpc.wait_closed()
    async with served(rpc, sync_server.serve):
        rest = CONTENT[2 * MIB :]
        await partial.write(100 + 2 * MIB, rest)
        digest.update(rest)
        assert await value(digest) == hashlib.sha256(CONTENT).digest()
        await partial.sync(partial.epoch)
        partials.release(partial)
        partials.close_idle()


async def test_digest_without_a_server_is_an_error(tmp_path: Path) -> None:
    rpc = RpcClient()
    partial = opened(partials := partials_in(tmp_path, rpc))
    digest = sidecar_digest(rpc, partial, 0)
    await write(partial, digest, 0, CONTENT)
    with pytest.raises(StorageError):
        await value(digest)
    partials.release(partial)
    partials.close_idle()


async def test_digest_that_is_not_awaited_logs_nothing_when_the_connection_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rpc = RpcClient()
    near, far = socket.socketpair()
    await rpc.connect(near)
    partial = opened(partials := partials_in(tmp_path, rpc))
    digest = sidecar_digest(rpc, partial, 0)
    await write(partial, digest, 0, CONTENT)
    digest.end()
    far.close()
    await rpc.wait_closed()
    await asyncio.sleep(0)
    del digest
    gc.collect()
    assert not caplog.records
    partials.release(partial)
    partials.close_idle()


async def test_recreated_partial_is_the_one_that_is_synced_and_read(tmp_path: Path, rpc: RpcClient) -> None:
    partials = partials_in(tmp_path, rpc)
    for content in (b"first", b"second"):
        partial = opened(partials)
        digest = sidecar_digest(rpc, partial, 0)
        await write(partial, digest, 0, content)
        await partial.sync(partial.epoch)
        assert await value(digest) == hashlib.sha256(content).digest()
        partials.release(partial)
        # Somebody else deletes it: its descriptors are still open.
        partial.path.unlink()
    assert partials.acquire("a") is None


def running_threads() -> int:
    """Return the number of threads of all sync servers."""
    return sum(thread.name.startswith(("sync", "digest")) for thread in threading.enumerate())


async def test_threads_and_descriptors_of_several_connections_are_bounded(tmp_path: Path) -> None:
    """Each process has a connection of its own; what one needs ends with it."""
    before, number = open_files(), 5
    async with AsyncExitStack() as connections:
        for process in range(number):
            rpc = await connections.enter_async_context(storage_rpc())
            partials = partials_in(tmp_path, rpc)
            for index in range(MAX_IDLE + 40):
                partial = opened(partials, f"{process}-{index}")
                await asyncio.gather(*(partial.sync(0) for _ in range(3)))
                partials.release(partial)
            await asyncio.gather(*(rpc.call(("sync", os.fsencode(tmp_path / f"{process}-0"))) for _ in range(200)))
            connections.callback(partials.close_idle)
        # Two ends of each connection, and its thread.
        assert open_files() - before <= number * (2 * MAX_IDLE + 1 + 2)
        assert 0 < running_threads() <= number * (SYNC_THREADS + DIGEST_THREADS)
    assert open_files() == before
    assert running_threads() == 0


async def discard_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        store = DiskUploadStore(disk / "partials", rpc)
        await store.prepare()
        before = await store.free()
        await store.create("a", None)
        writer = await store.begin("a", 0, len(CONTENT))
        assert writer is not None
        assert writer.try_lock()
        await writer.write(CONTENT)
        await writer.commit()
        writer.close()
        held = await store.free()
        await store.discard("a")
        await rpc.call(("sync_folder", os.fsencode(disk)))
        return before - held >= len(CONTENT), await store.free() == before


def test_discarded_partial_frees_its_space_although_it_was_open_in_both_processes(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", discard_on_full_disk) == [True, True]


async def test_symbolic_link_is_not_followed(tmp_path: Path, rpc: RpcClient) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    assert isinstance(await rpc.call(("sync", os.fsencode(tmp_path / "link"))), int)
