"""The upload store on a full disk: it says so, keeps what was written, and continues."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from media_service.core.errors.service import StorageFull
from media_service.storage.upload_store import DiskUploadStore
from tests.storage.partials import MIB, locked
from tests.storage.small_disk import on_small_disk
from tests.support.rpc import storage_rpc

if TYPE_CHECKING:
    from pathlib import Path


async def create_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        store = DiskUploadStore(disk / "partials", rpc)
        await store.prepare()
        await store.create("fits", 3 * MIB)
        try:
            await store.create("too-large", 3 * MIB)
        except StorageFull:
            left = sorted(await store.list_ids())
            await store.discard("fits")
            await store.create("too-large", 3 * MIB)
            return left, sorted(await store.list_ids())
        return None


def test_partial_that_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", create_on_full_disk) == [["fits"], ["too-large"]]


async def write_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        store = DiskUploadStore(disk / "partials", rpc)
        await store.prepare()
        await store.create("a", None)
        writer, taken, block = await locked(store, 0, 64 * MIB), 0, random.Random(3).randbytes(MIB)
        try:
            while True:
                await writer.write(block)
                taken += MIB
        except StorageFull:
            pass
        await writer.commit()
        writer.close()
        whole = store.path("a").read_bytes()[:taken] == block * (taken // MIB)
        await store.trim("a", MIB)
        again = await locked(store, MIB, MIB)
        await again.write(block)
        await again.commit()
        again.close()
        return taken // MIB, whole, store.path("a").read_bytes() == block * 2, await store.free() > 0


def test_full_disk_keeps_what_was_written_and_continues_after_space_is_freed(tmp_path: Path) -> None:
    taken, before, after, free = on_small_disk(tmp_path / "disk", write_on_full_disk)
    assert taken in (3, 4)
    assert before
    assert after
    assert free


async def reserve_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as rpc:
        store = DiskUploadStore(disk / "partials", rpc)
        await store.prepare()
        await store.create("a", MIB)
        writer = await locked(store, 0, 7)
        try:
            await writer.reserve(MIB, 64 * MIB)
        except StorageFull:
            await writer.write(b"goes on")
            await writer.reserve(MIB, 2 * MIB)
            writer.close()
            return store.path("a").read_bytes()[:7].decode()


def test_reserve_on_a_full_disk_fails_and_writes_continue(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", reserve_on_full_disk) == "goes on"
