"""Contracts for unfinished files and their writers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class SliceDigest(Protocol):
    """The SHA-256 of a slice while it is written."""

    def update(self, block: bytes) -> None:
        """These bytes were written, behind those before."""

    def end(self) -> None:
        """They were the last. Who computes the digest elsewhere begins now, whether or not `value` is awaited."""

    async def value(self) -> bytes:
        """The digest of all of them, or of what lies in their place. Raises StorageError."""


class Partial(Protocol):
    """An open partial file. Writers of different spans may share it."""

    @property
    def path(self) -> Path:
        """Where its bytes are, for reading."""

    async def write(self, offset: int, block: bytes) -> None:
        """Puts the whole block at `offset`. Not durable before `sync`. Raises StorageFull, StorageError."""

    def digest(self, start: int, expected: int | None) -> SliceDigest:
        """The SHA-256 of a slice that is about to be written from `start` on, with so many bytes at most."""

    @property
    def allocated(self) -> int:
        """Return up to which offset the disk has room for every byte, as far as that can be told; else 0."""

    async def reserve(self, start: int, stop: int) -> None:
        """Allocate disk space for these bytes, so that others cannot take it; bytes that are there already stay.

        Does nothing where the file system cannot. Raises StorageFull, StorageError.
        """

    @property
    def epoch(self) -> int:
        """Counts the syncs that failed."""

    async def sync(self, epoch: int) -> None:
        """Returns when every write that ended before the call is durable.

        `epoch` is the partial's from before the first of these writes. A failed sync is never tried again: it gives
        up everything written before it, for whoever asks. Raises StorageFull, StorageError.
        """


class Partials(Protocol):
    """Unfinished files, by upload id."""

    async def create(self, upload_id: str, length: int | None) -> None:
        """Makes an empty partial with room for `length` bytes where that is known; its first sync makes it durable.

        Raises StorageFull.
        """

    async def open(self, upload_id: str) -> Partial | None:
        """The partial, to be given back with `close`; None when there is none."""

    def close(self, upload_id: str) -> None:
        """Gives back what `open` returned; the descriptor goes when the last holder gave it back."""

    def path(self, upload_id: str) -> Path:
        """Where the partial's bytes are, for reading."""

    async def trim(self, upload_id: str, length: int) -> None:
        """Cuts off scratch bytes behind `length`. Raises FileNotFoundError when there is no partial."""

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, int]]) -> None:
        """Fills the partial with the first bytes of others, one behind the other, durably. Raises StorageFull."""

    async def discard(self, upload_id: str) -> None:
        """Frees the partial's space. One that is not there is no error."""

    async def list_ids(self) -> list[str]:
        """The uploads that have a partial."""

    async def free(self) -> int:
        """Bytes that may still be written on this disk."""
