"""Contracts for the bytes of unfinished uploads and their writers, in any number of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.files import Source
    from media_service.core.upload import Slice


class StoredSlice(NamedTuple):
    """What became of a slice: its SHA-256 if it was asked for, and the name to record of its object, if it is one.

    A tuple, because each slice on disk makes one: a frozen dataclass took three times as long.
    """

    sha256: bytes | None = None
    object: str | None = None


class DiskUsage(NamedTuple):
    """Bytes of a disk: those that are free, and all."""

    free: int
    total: int


class SliceWriter(Protocol):
    """Writes one slice. Methods raise StorageFull, StorageError.

    A store in which each attempt is an object of its own locks nothing, has no end of space, and reserves nothing: what
    is recorded first counts. What follows about locks is about the others.

    The lock on the slice's bytes excludes every other process. It does not exclude other writers of this process: the
    caller makes sure that their bytes do not overlap. It is free once the process has died.
    """

    @property
    def is_separate(self) -> bool:
        """Return whether the attempt is an object of its own, which overwrites nothing."""

    def try_lock(self) -> bool:
        """Lock the slice's bytes until `close`; return False if another process has locked some of them.

        Of a slice of unknown size the first byte is locked. Raise StorageError if the partial is not that of `begin`
        any more: it was deleted.
        """

    def extend(self, stop: int) -> bool:
        """Lock the bytes before `stop` too; return False if another process has locked some of them."""

    @property
    def allocated(self) -> int:
        """Return the offset up to which the partial has disk space, 0 if that is unknown."""

    async def reserve(self, start: int, stop: int) -> None:
        """Allocate disk space for these bytes and keep existing ones, if the file system can."""

    async def write(self, block: bytes) -> None:
        """Write all of the block after those before, within the locked bytes; not durable before `commit`."""

    def end(self) -> None:
        """Note that no more bytes follow. Reading back for the digest begins now, even before `commit`."""

    async def commit(self, *, sync: bool = True) -> StoredSlice:
        """Return the SHA-256 of the slice if `begin` asked for it. With `sync`, the slice is durable on return.

        If it is not the expected one, the slice may not be stored, and must not be recorded.

        A failed sync gives up what every writer of this process has written to the partial so far: its `commit` fails
        too, and is never retried.
        """

    def close(self) -> None:
        """Unlock the bytes and release the partial. Must be called once, and nothing after it."""


class UploadStore(Protocol):
    """Unfinished files ("partials"), by upload id."""

    async def create(self, upload_id: str, length: int | None) -> None:
        """Create an empty partial and reserve `length` bytes. Its first sync makes it durable.

        Raise StorageFull, FileExistsError.
        """

    async def begin(
        self, upload_id: str, start: int, size: int | None, *, most: int | None = None, digest: bytes | None = None
    ) -> SliceWriter | None:
        """Return the writer of a slice of `size` bytes (None: unknown, at most `most`); None without a partial.

        A store of objects has no partials, and always returns a writer.

        It must be locked before it writes. With a `digest`, the expected one, `commit` returns that of the bytes.
        """

    async def try_exclusive(self, upload_id: str) -> bool:
        """Lock all bytes until `end_exclusive`; return False while any writer or another caller has locked some.

        Must be held to trim, move or discard the partial. Without a partial nothing is locked, and it returns True.
        """

    def end_exclusive(self, upload_id: str) -> None:
        """End what `try_exclusive` began."""

    async def sync_all(self, upload_id: str) -> None:
        """Make all that was written durable. Raise FileNotFoundError; StorageFull, StorageError if some is lost."""

    async def fetch(self, upload_id: str, slices: Sequence[Slice], stop: int, *, ahead: bool = False) -> Source:
        """Return a local file with the bytes before `stop`, of which these slices, by start, are recorded.

        Without slices they are what the quarantine restored. Of a store of objects the file has the bytes before the
        first gap of the slices, no others, and is kept until `release` or `discard`. Its path stays the same meanwhile.
        `ahead`: the caller does without if room for copies is scarce. Raise FileNotFoundError if bytes are missing;
        StorageFull if there is no room for a copy.
        """

    async def release(self, upload_id: str) -> None:
        """Delete the local copy that `fetch` made, if it is one."""

    async def is_lost(self, upload_id: str, slices: Sequence[Slice]) -> bool:
        """Return whether the bytes of these slices are missing for good, after a FileNotFoundError."""

    async def trim(self, upload_id: str, length: int) -> None:
        """Cut off scratch bytes after `length`. Raise FileNotFoundError."""

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, Sequence[Slice], int]]) -> str | None:
        """Fill the partial with the first bytes of others, durably; return the object to record, if it is one.

        Each source is an upload, its slices, and how many bytes. Raise StorageFull, FileNotFoundError.
        """

    async def discard(self, upload_id: str) -> None:
        """Delete the partial; a missing one is no error."""

    async def list_ids(self) -> list[str]:
        """Return the ids of uploads with a partial."""

    async def clear_abandoned(self) -> None:
        """Delete what processes that died have left in the store, and what belongs to no id. Raise StorageError."""

    async def free(self) -> int:
        """Return the bytes that can still be written to the disk."""

    async def disk_usage(self) -> DiskUsage | None:
        """Return the size of the disk; None for an object store, which has no end."""
