"""Another process that uses the upload store of a folder and named locks, and does what the test tells it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.catalogue.postgresql.locks import PostgresLocks
from media_service.catalogue.postgresql.session import Session
from media_service.ipc.client import RpcClient
from media_service.storage.locks import FileLocks
from media_service.storage.upload_store import DiskUploadStore
from tests.support.told_process import ToldProcess, serve

if TYPE_CHECKING:
    from media_service.core.ports.locks import Locks
    from media_service.storage.slice_writer import DiskSliceWriter


class StoreProcess(ToldProcess):
    """The process, as seen by the test. Partials are in `folder`; locks in its file `locks`, or in a `database`."""

    def __init__(self, folder: Path, database: str = "") -> None:
        super().__init__("tests.support.store_process", str(folder), database)


class Worker:
    """Methods that the process serves. Writers have names, so that several are open at once."""

    def __init__(self, folder: Path, locks: Locks) -> None:
        self._folder = folder
        self._store = DiskUploadStore(folder, RpcClient())
        self._locks = locks
        self._writers: dict[str, DiskSliceWriter] = {}

    async def lock(self, upload_id: str, name: str, start: int, size: int | None) -> bool:
        """Begin a slice and try its lock; keep the writer if it got it."""
        writer = await self._store.begin(upload_id, start, size)
        assert writer is not None
        if not writer.try_lock():
            writer.close()
            return False
        self._writers[name] = writer
        return True

    async def extend(self, name: str, stop: int) -> bool:
        """Extend a writer's lock."""
        return self._writers[name].extend(stop)

    async def write(self, name: str, text: str) -> None:
        """Write a block."""
        await self._writers[name].write(text.encode())

    async def close(self, name: str) -> None:
        """Close a writer."""
        self._writers.pop(name).close()

    async def try_exclusive(self, upload_id: str) -> bool:
        """Try the lock of all bytes."""
        return await self._store.try_exclusive(upload_id)

    async def end_exclusive(self, upload_id: str) -> None:
        """Free all bytes."""
        self._store.end_exclusive(upload_id)

    async def contend(self, upload_id: str, size: int, times: int, mark: str) -> int:
        """Write the same bytes so many times; return how often they changed under the lock."""
        damaged, content = 0, mark.encode() * size
        while times:
            if await self.lock(upload_id, "contending", 0, size):
                await self.write("contending", content.decode())
                await asyncio.sleep(0.0005)
                damaged += self._store.path(upload_id).read_bytes()[:size] != content
                await self.close("contending")
                times -= 1
            await asyncio.sleep(0)
        return damaged

    async def acquire(self, name: str, seconds: float) -> bool:
        """Acquire a named lock."""
        return await self._locks.acquire(name, seconds)

    async def release(self, name: str) -> None:
        """Release a named lock."""
        self._locks.release(name)

    async def count(self, name: str, tasks: int, times: int) -> None:
        """Increment the number in a file, so many times in each of some tasks, under a named lock."""
        path = self._folder / "number"

        async def increment() -> None:
            for _ in range(times):
                assert await self._locks.acquire(name, 60)
                number = int(path.read_text())
                await asyncio.sleep(0)
                path.write_text(str(number + 1))
                self._locks.release(name)

        await asyncio.gather(*(increment() for _ in range(tasks)))


async def _main(folder: Path, database: str) -> None:
    locks: Locks = FileLocks(folder / "locks")
    if database:
        session = Session(database)
        await session.open()
        locks = PostgresLocks(session)
    worker = Worker(folder, locks)
    await serve(worker)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
