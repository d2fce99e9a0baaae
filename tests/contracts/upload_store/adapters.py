"""Adapters that the suite checks, and how its tests write."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from media_service.storage.upload_store import DiskUploadStore
from tests.contracts.wrappers import plain, wrapped
from tests.intake.model_disk import ModelDisk, ModelUploadStore
from tests.support.rpc import UnreliableSyncs, storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from media_service.core.ports.upload_store import SliceWriter, UploadStore


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
