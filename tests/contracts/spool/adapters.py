"""The spools that their suite checks, and what it sees of them from outside."""

from __future__ import annotations

import hashlib
import random
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from media_service.core.files import ObjectRange, Source
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.spool import S3Spool
from media_service.storage.spool import DiskSpool
from tests.support.s3 import ENGINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.spool import Spool
    from tests.support.s3 import Buckets


AUDIO = random.Random(5).randbytes(100_000)


class SpoolPlace(Protocol):
    """Where spools are: what their readers, and other programs, see and do there."""

    async def spool(self) -> Spool:
        """Return the spool of the next process."""

    async def source(self, name: str, data: bytes) -> Source:
        """Return received bytes."""

    async def names(self) -> list[str]:
        """Return the names of files that a reader sees."""

    async def trashed(self) -> list[str]:
        """Return the ids of files in the trash."""

    async def write(self, name: str, data: bytes) -> None:
        """Write a file, or another one over it, as somebody else would."""

    async def take(self, name: str) -> None:
        """Take a file away, as its reader does."""


class DiskPlace:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finished = folder / "spool" / "mp3"

    async def spool(self) -> DiskSpool:
        spool = DiskSpool(self._folder / "spool")
        await spool.prepare()
        return spool

    async def source(self, name: str, data: bytes) -> Source:
        path = self._folder / name
        path.write_bytes(data)
        return Source(path)

    async def names(self) -> list[str]:
        return sorted(path.name for path in self._finished.iterdir())

    async def trashed(self) -> list[str]:
        return sorted(path.stem for path in (self._folder / "spool" / "trash").iterdir())

    async def write(self, name: str, data: bytes) -> None:
        (self._finished / name).write_bytes(data)

    async def take(self, name: str) -> None:
        (self._finished / name).unlink()


class S3Place:
    """A bucket, and a folder for local copies."""

    def __init__(self, client: S3Client, folder: Path, scratch: Scratch) -> None:
        self.client = client
        self._folder = folder
        self.scratch = scratch

    async def spool(self) -> S3Spool:
        return S3Spool(self.client, self.scratch)

    async def source(self, name: str, data: bytes) -> Source:
        """Return a local copy, and what it was made of: slices."""
        path = self._folder / name
        path.write_bytes(data)
        objects = []
        for start, stop in pairwise((0, len(data) // 3, len(data))):
            await put(self.client, f"uploads/{name}/{start}", data[start:stop])
            objects.append(ObjectRange(f"uploads/{name}/{start}", 0, stop - start))
        return Source(path, tuple(objects))

    async def names(self) -> list[str]:
        return [found.key.removeprefix("spool/") async for found in self.client.list_objects("spool/")]

    async def trashed(self) -> list[str]:
        return [found.key.removeprefix("trash/") async for found in self.client.list_objects("trash/")]

    async def write(self, name: str, data: bytes) -> None:
        await put(self.client, f"spool/{name}", data)

    async def take(self, name: str) -> None:
        await self.client.delete([f"spool/{name}"])


@asynccontextmanager
async def open_place(adapter: str, buckets: Buckets, folder: Path) -> AsyncIterator[DiskPlace | S3Place]:
    """Yield a place in a bucket if the adapter is an S3 server, else in the folder."""
    if adapter not in ENGINES:
        yield DiskPlace(folder)
        return
    async with S3Client(buckets.on(adapter).location()) as client:
        with closing(Scratch(folder / "scratch")) as scratch:
            await scratch.prepare()
            yield S3Place(client, folder, scratch)


async def put(client: S3Client, key: str, data: bytes) -> None:
    """Write an object."""
    await client.put(key, data, hashlib.sha256(data).digest())
