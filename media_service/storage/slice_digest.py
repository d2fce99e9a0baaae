"""SHA-256 of a slice that is being received: computed here, or of what lies in the file, in the process aside."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.ipc.client import ConnectionLost
from media_service.storage.sync.results import outcome

if TYPE_CHECKING:
    from media_service.ipc.client import RpcClient


class InlineDigest:
    """`core.ports.partials.SliceDigest`, computed while the bytes are still in the processor's cache."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, block: bytes) -> None:
        """These bytes were written."""
        self._sha.update(block)

    def end(self) -> None:
        """Nothing is left to compute."""

    async def value(self) -> bytes:
        """The digest."""
        return self._sha.digest()


class SidecarDigest:
    """`core.ports.partials.SliceDigest` of what lies in the file: stronger than one of what came by the socket.

    It is asked for once, when the last byte was written. To have the file read while the slice still comes took a
    twentieth more of the processors, and three slices at once came no faster by it. Nobody else writes there meanwhile:
    whoever receives the slice has the lease on its bytes until it is recorded.
    """

    def __init__(self, line: RpcClient, path: bytes, start: int) -> None:
        self._line = line
        self._path = path
        self._start = self._at = start
        self._asking: asyncio.Future[bytes | int | None] | None = None

    def update(self, block: bytes) -> None:
        """These bytes were written."""
        self._at += len(block)

    def end(self) -> None:
        """Asks for the digest, which is computed while the caller waits for the sync of the same bytes."""
        self._asking = self._line.ask(("digest", self._path, self._start, self._at))
        # Where the sync fails nobody comes for the digest any more.
        self._asking.add_done_callback(asyncio.Future.exception)

    async def value(self) -> bytes:
        """The digest. Raises StorageError where the bytes cannot be read back."""
        assert self._asking is not None, "it was not ended"
        with suppress(ConnectionLost):
            await self._asking
        digest = outcome(self._asking)
        assert digest is not None
        return digest
