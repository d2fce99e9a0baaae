"""The quarantines that their suite checks, and what it sees of them from outside."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from media_service.core.files import ObjectRange, Source
from media_service.storage.quarantine import DiskQuarantine
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.quarantine import S3Quarantine
from tests.support.s3 import ENGINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.quarantine import Quarantine
    from tests.support.s3 import Buckets

HOUR = 3_600_000_000


class QuarantinePlace(Protocol):
    """Where a quarantine is, and what a person finds there."""

    async def quarantine(self) -> Quarantine:
        """Return the quarantine."""

    async def source(self, data: bytes) -> Source:
        """Return received bytes."""

    async def received(self) -> bytes:
        """Return the received bytes."""

    async def delete_source(self) -> None:
        """Delete the received bytes."""

    async def report(self, upload_id: str) -> Any:
        """Return the report."""

    async def kept(self) -> list[str]:
        """Return the uploads of which anything is kept."""

    async def delete_bytes(self, upload_id: str) -> None:
        """Delete the bytes, as a person would, and not the report."""

    async def restored(self, upload_id: str) -> bytes:
        """Return the bytes that are back in the upload store."""

    async def next_moment(self) -> int:
        """Return a time after all that was stored, and before all that will be."""


class DiskPlace:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder / "quarantine"

    async def quarantine(self) -> DiskQuarantine:
        quarantine = DiskQuarantine(self._kept, lambda upload_id: self._folder / f"{upload_id}.restored")
        await quarantine.prepare()
        return quarantine

    async def source(self, data: bytes) -> Source:
        path = self._folder / "a.partial"
        path.write_bytes(data)
        return Source(path)

    async def received(self) -> bytes:
        return (self._folder / "a.partial").read_bytes()

    async def delete_source(self) -> None:
        (self._folder / "a.partial").unlink()

    async def report(self, upload_id: str) -> Any:
        return json.loads((self._kept / f"{upload_id}.json").read_text("utf-8"))

    async def kept(self) -> list[str]:
        return sorted({path.stem for path in self._kept.iterdir()})

    async def delete_bytes(self, upload_id: str) -> None:
        (self._kept / f"{upload_id}.rejected").unlink()

    async def restored(self, upload_id: str) -> bytes:
        return (self._folder / f"{upload_id}.restored").read_bytes()

    async def next_moment(self) -> int:
        now = time.time_ns() // 1000
        for path in self._kept.iterdir():
            os.utime(path, ns=((now - HOUR) * 1000, (now - HOUR) * 1000))
        return now - HOUR // 2


class S3Place:
    """A bucket."""

    def __init__(self, client: S3Client, folder: Path) -> None:
        self._client = client
        self._folder = folder

    async def quarantine(self) -> S3Quarantine:
        return S3Quarantine(self._client)

    async def source(self, data: bytes) -> Source:
        parts = [ObjectRange("uploads/a/0", 0, 3), ObjectRange("uploads/a/3", 0, len(data) - 3)]
        for part, piece in zip(parts, (data[:3], data[3:]), strict=True):
            await self._client.put(part.key, piece, hashlib.sha256(piece).digest())
        return Source(self._folder / "a.partial", tuple(parts))

    async def received(self) -> bytes:
        return await self._read("uploads/a/0") + await self._read("uploads/a/3")

    async def delete_source(self) -> None:
        await self._client.delete(["uploads/a/0", "uploads/a/3"])

    async def report(self, upload_id: str) -> Any:
        return json.loads(await self._read(f"quarantine/{upload_id}.json"))

    async def kept(self) -> list[str]:
        keys = [found.key async for found in self._client.list_objects("quarantine/")]
        return sorted({key.removeprefix("quarantine/").removesuffix(".json") for key in keys})

    async def delete_bytes(self, upload_id: str) -> None:
        await self._client.delete([f"quarantine/{upload_id}"])

    async def restored(self, upload_id: str) -> bytes:
        (key,) = [found.key async for found in self._client.list_objects(f"uploads/{upload_id}/whole-")]
        return await self._read(key)

    async def next_moment(self) -> int:
        # Servers know when an object was written in whole seconds.
        await asyncio.sleep(1.1)
        return int(time.time()) * 1_000_000

    async def _read(self, key: str) -> bytes:
        async with aclosing(self._client.get(key)) as blocks:
            return b"".join([block async for block in blocks])


@asynccontextmanager
async def open_place(adapter: str, buckets: Buckets, folder: Path) -> AsyncIterator[DiskPlace | S3Place]:
    """Yield a place in a bucket if the adapter is an S3 server, else in the folder."""
    if adapter not in ENGINES:
        yield DiskPlace(folder)
        return
    async with S3Client(buckets.on(adapter).location()) as client:
        yield S3Place(client, folder)
