"""Contracts for unfinished files and their writers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class SliceDigest(Protocol):
    """The SHA-256 of a slice while it is written."""

    def update(self, block: bytes) -> None:
        """Add bytes that were written after those before."""

    def end(self) -> None:
        """Note that no more bytes follow. Reading back begins now, even before `value` is awaited."""

    async def value(self) -> bytes:
        """Return the digest of these bytes, or of those read back. Raise StorageError."""


class Partial(Protocol):
    """An open partial. Writers of different spans may share it. Methods raise StorageFull, StorageError."""

    @property
    def path(self) -> Path:
        """Return where to read its bytes."""

    async def write(self, offset: int, block: bytes) -> None:
        """Write all of the block at `offset`; not durable before `sync`."""

    def digest(self, start: int, expected: int | None) -> SliceDigest:
        """Return the digest of a slice that is about to be written from `start`, of at most `expected` bytes."""

    @property
    def allocated(self) -> int:
        """Return the offset up to which disk space is allocated, 0 if that is unknown."""

    async def reserve(self, start: int, stop: int) -> None:
        """Allocate disk space for these bytes and keep existing ones, if the file system can."""

    @property
    def epoch(self) -> int:
        """Return the number of failed syncs."""

    async def sync(self, epoch: int) -> None:
        """Return when every write that ended before the call is durable.

        `epoch` is the partial's from before the first of these writes. A failed sync gives up all earlier writes for
        every caller and is never retried.
        """


class Partials(Protocol):
    """Unfinished files, by upload id."""

    async def create(self, upload_id: str, length: int | None) -> None:
        """Create an empty partial and reserve `length` bytes. Its first sync makes it durable. Raise StorageFull."""

    async def open(self, upload_id: str) -> Partial | None:
        """Return the partial, None if there is none. Call `close` once for each."""

    def close(self, upload_id: str) -> None:
        """Release what `open` returned; the last release closes the descriptor."""

    def path(self, upload_id: str) -> Path:
        """Return where to read the partial's bytes."""

    async def trim(self, upload_id: str, length: int) -> None:
        """Cut off scratch bytes after `length`. Raise FileNotFoundError."""

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, int]]) -> None:
        """Fill the partial with the first bytes of others, durably. Raise StorageFull, FileNotFoundError."""

    async def discard(self, upload_id: str) -> None:
        """Delete the partial; a missing one is no error."""

    async def list_ids(self) -> list[str]:
        """Return the ids of uploads with a partial."""

    async def free(self) -> int:
        """Return the bytes that can still be written to the disk."""
