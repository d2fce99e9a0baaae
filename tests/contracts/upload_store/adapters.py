"""Adapters that the suite checks, and how its tests write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media_service.core.upload import Slice
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.upload_store import S3UploadStore
from media_service.storage.upload_store import DiskUploadStore
from tests.contracts.wrappers import plain, wrapped
from tests.intake.model_disk import ModelDisk, ModelUploadStore
from tests.support.rpc import UnreliableSyncs, storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from media_service.core.ports.upload_store import SliceWriter, UploadStore
    from media_service.storage.s3.location import S3Location


@dataclass(frozen=True, slots=True)
class Subject:
    """The stores of two processes; `crash` returns that of a process after both; within `syncs_fail` commits fail."""

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


Adapter = Callable[[Path], AbstractAsyncContextManager[Subject]]

PARTIALS: dict[str, Adapter] = {
    "disk": disk,
    "wrapped": partial(disk, wrap=lambda store: wrapped(store, "concatenate")),
    "model": model,
}
"""Stores in which an upload is a partial, whose bytes are locked by its writers."""


@asynccontextmanager
async def objects(folder: Path, location: S3Location) -> AsyncIterator[Subject]:
    """Yield stores of objects in a bucket, for which an engine is the adapter."""
    async with AsyncExitStack() as resources:

        async def started() -> S3UploadStore:
            scratch = Scratch(folder)
            await scratch.prepare()
            resources.callback(scratch.close)
            return S3UploadStore(await resources.enter_async_context(S3Client(location)), scratch)

        yield Subject(await started(), await started(), started, nullcontext)


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


async def send(store: UploadStore, upload_id: str, start: int, content: bytes, *, sync: bool = True) -> Slice:
    """Write and commit a slice; return it as it is to be recorded."""
    writer = await store.begin(upload_id, start, len(content))
    assert writer is not None
    assert writer.try_lock()
    await writer.write(content)
    stored = await writer.commit(sync=sync)
    writer.close()
    return Slice(start, start + len(content), None, stored.object)


async def fetched(store: UploadStore, upload_id: str, slices: Sequence[Slice] = ()) -> bytes:
    """Return all bytes of the local file that has those of the slices."""
    stop = max((piece.stop for piece in slices), default=0)
    return (await store.fetch(upload_id, slices, stop)).path.read_bytes()


async def holds(store: UploadStore, start: int, size: int | None) -> bool:
    """Return whether these bytes can be locked now, and free them."""
    writer = await begun(store, start, size)
    got = writer.try_lock()
    writer.close()
    return got
