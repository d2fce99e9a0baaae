"""SHA-256 of a slice while it is received: on the event loop, or read back from the file by the sidecar."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from media_service.ipc.client import ConnectionLost
from media_service.storage.sync.results import result_of

if TYPE_CHECKING:
    from media_service.ipc.client import RpcClient


class SliceDigest(Protocol):
    """The SHA-256 of a slice while it is written."""

    def update(self, block: bytes) -> None:
        """Add bytes that were written after those before."""

    def end(self) -> None:
        """Note that no more bytes follow. Reading back begins now, even before `value` is awaited."""

    async def value(self) -> bytes:
        """Return the digest of these bytes, or of those read back. Raise StorageError."""


class InlineDigest:
    """The digest on the event loop, while the bytes are still in the processor's cache."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, block: bytes) -> None:
        self._sha.update(block)

    def end(self) -> None:
        pass

    async def value(self) -> bytes:
        return self._sha.digest()


class SidecarDigest:
    """The digest read back from the file by the sidecar: it also proves what was written.

    The sidecar reads the slice after its last byte was written; reading while it arrives took 5 % more processor time.
    No other request writes there meanwhile, because the slice's bytes are locked until the slice is recorded.
    """

    def __init__(self, rpc: RpcClient, path: bytes, start: int) -> None:
        self._rpc = rpc
        self._path = path
        self._start = self._stop = start
        self._call: asyncio.Future[bytes | int | None] | None = None

    def update(self, block: bytes) -> None:
        self._stop += len(block)

    def end(self) -> None:
        # The sidecar computes the digest while the caller waits for the sync of the same bytes.
        self._call = self._rpc.call(("digest", self._path, self._start, self._stop))
        # If the sync fails, `value` is not awaited; this retrieves the exception, so that asyncio logs nothing.
        self._call.add_done_callback(asyncio.Future.exception)

    async def value(self) -> bytes:
        assert self._call is not None, "end() was not called"
        with suppress(ConnectionLost):
            await self._call
        digest = result_of(self._call)
        assert digest is not None
        return digest
