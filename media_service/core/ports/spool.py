"""Contract for finished files, in the spool and in the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractAsyncContextManager

    from media_service.core.content import Content
    from media_service.core.files import AssembledFile, RewritePlan, Source


class Spool(Protocol):
    """Finished files: by their names in the spool, by their ids in the trash, which readers of the spool do not see."""

    async def assemble(self, upload_id: str, source: Source, plan: RewritePlan, length: int | None) -> AssembledFile:
        """Write the tagged file, without a name yet, complete and durable; a repeated call starts anew.

        `length`: how many of the source's bytes are used, None for all. Raise StorageFull, FileNotFoundError.
        """

    async def is_assembled(self, upload_id: str) -> bool:
        """Return whether the upload's assembled file has no name yet."""

    def candidate_names(self, filename: str, first: int, count: int) -> list[str]:
        """Return names for `filename`, from copy number `first` on: the second gets ` (2)`."""

    async def publish(self, upload_id: str, name: str) -> bool:
        """Rename the assembled file, durably; return False and do nothing if the name exists."""

    async def discard_assembled(self, upload_id: str) -> None:
        """Delete the upload's assembled file, if it has no name."""

    async def list_assembled(self) -> list[str]:
        """Return the ids with an assembled file that has no name."""

    async def replace(self, key: str, name: str) -> None:
        """Replace the file `name` by the one assembled under `key`, durably and atomically.

        Open readers keep the old bytes. Raise FileNotFoundError, and do nothing, if its reader has taken the file.
        """

    async def measure(self, name: str) -> tuple[int, bytes] | None:
        """Return size and SHA-256 of the file as it is now, None if its reader has taken it."""

    async def discard(self, name: str) -> None:
        """Delete the finished file `name`, durably; one that its reader has taken is no error."""

    def reading(self, name: str, *, tags_only: bool = False) -> AbstractAsyncContextManager[Source]:
        """Return a context manager with the finished file to read, until it ends. Raise FileNotFoundError.

        `tags_only`: the local file may have the right size and only those bytes that tags are read from.
        """

    async def content(self, name: str) -> Content | None:
        """Return the finished file to send, None if its reader has taken it."""

    async def missing(self, names: Collection[str]) -> set[str]:
        """Return which of these finished files are not in the spool. Raise StorageError if there is no spool."""

    async def trash(self, file_id: str, name: str) -> bool:
        """Move the finished file `name` into the trash, durably; return whether it is there. May be repeated.

        False if it is in neither place: its reader has taken it. Raise StorageError if there is no spool.
        """

    async def restore(self, file_id: str, name: str) -> bool:
        """Move the file from the trash to its name, durably; return whether it is there. May be repeated.

        False if it is in neither place. Raise NameInUse, and do nothing, if somebody else's file has the name.
        """

    async def discard_trashed(self, file_id: str) -> None:
        """Delete the file in the trash, durably; a missing one is no error."""

    async def trashed_content(self, file_id: str) -> Content | None:
        """Return the file in the trash to send, None if it is not there."""
