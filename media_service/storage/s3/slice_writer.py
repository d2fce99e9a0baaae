"""Write one slice as an object: first into memory or a local file, then in one request with its SHA-256.

So a slow client holds no connection to the store, a slice of unknown size has one when it is sent, and the request can
be repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.core.ports.upload_store import StoredSlice
from media_service.storage.s3.errors import BadDigest
from media_service.storage.s3.http import Blocks, FileRegion, blocks_of
from media_service.storage.s3.keys import slice_key

if TYPE_CHECKING:
    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.http import Body
    from media_service.storage.s3.scratch import Scratch

MEMORY_SECONDS = 5.0
"""After so long a slice gives its memory to faster ones."""

ATTEMPT_BYTES = 12
"""Random bytes of an attempt's name: 16 characters."""

UNBOUNDED = 2**62
"""Space of a store that has no end of it."""


class S3SliceWriter:
    """`core.ports.upload_store.SliceWriter` of one attempt at a slice, an object of its own."""

    def __init__(
        self, client: S3Client, scratch: Scratch, upload_id: str, start: int, *, size: int | None, digest: bytes | None
    ) -> None:
        self._client = client
        self._scratch = scratch
        self._upload_id = upload_id
        self._start = start
        self._announced = size or 0
        self._expected = digest
        # With an expected digest the server checks it, so nothing is hashed here.
        self._sha256 = hashlib.sha256() if digest is None else None
        self._size = 0
        self._blocks = Blocks()
        self._memory = 0
        self._spills_at = asyncio.get_running_loop().time() + MEMORY_SECONDS
        self._descriptor: int | None = None

    @property
    def is_separate(self) -> bool:
        return True

    def try_lock(self) -> bool:
        return True

    def extend(self, stop: int) -> bool:
        return True

    @property
    def allocated(self) -> int:
        return UNBOUNDED

    async def reserve(self, start: int, stop: int) -> None:
        pass

    async def write(self, block: bytes) -> None:
        if self._sha256 is not None:
            self._sha256.update(block)
        if self._descriptor is None:
            if self._fits_memory(len(block)):
                self._blocks.append(block)
                self._size += len(block)
                return
            await self._spill()
        assert self._descriptor is not None
        await self._scratch.write(self._descriptor, self._size, block)
        self._size += len(block)

    def _fits_memory(self, size: int) -> bool:
        """Return whether the slice stays in memory with so many bytes more."""
        needed = max(self._size + size, self._announced) - self._memory
        if needed > 0:
            if not self._scratch.take_memory(needed):
                return False
            self._memory += needed
        return asyncio.get_running_loop().time() < self._spills_at

    async def _spill(self) -> None:
        """Move what is in memory to a file."""
        self._descriptor = self._scratch.open_unnamed()
        offset = 0
        for block in self._blocks:
            await self._scratch.write(self._descriptor, offset, block)
            offset += len(block)
        self._free_memory()

    def _free_memory(self) -> None:
        self._blocks.clear()
        self._scratch.give_memory(self._memory)
        self._memory = 0

    def end(self) -> None:
        pass

    async def commit(self, *, sync: bool = True) -> StoredSlice:
        body = self._blocks if self._descriptor is None else FileRegion(self._descriptor, 0, self._size)
        attempt = secrets.token_urlsafe(ATTEMPT_BYTES)
        key = slice_key(self._upload_id, self._start, self._start + self._size, attempt)
        sha256 = self._expected or (self._sha256 or hashlib.sha256()).digest()
        try:
            await self._client.put(key, body, sha256)
        except BadDigest as error:
            received = await _sha256_of(body)
            if self._expected is None or received == self._expected:
                # The bytes are those that were announced, so they were changed on the way to the store.
                raise StorageError from error
            return StoredSlice(received)
        return StoredSlice(self._expected, attempt)

    def close(self) -> None:
        self._free_memory()
        if self._descriptor is not None:
            self._scratch.close_unnamed(self._descriptor)
            self._descriptor = None


async def _sha256_of(body: Body) -> bytes:
    digest = hashlib.sha256()
    async for block in blocks_of(body):
        digest.update(block)
        await asyncio.sleep(0)
    return digest.digest()
