"""Contract for the places of finished files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from media_service.core.files import Place, StoredFile


class NamedFile(NamedTuple):
    """A file's id, its name in the spool, and its place."""

    id: str
    name: str
    place: Place


class FilePlaces(Protocol):
    """Where finished files are, as durable rows: each change is one transaction. Times are UTC microseconds.

    Methods raise StorageFull, CatalogueError.
    """

    async def move(self, file: StoredFile, before: Place, *, was_moving: bool = False, moving: bool = False) -> None:
        """Save the place of a file that was in `before`, with all that follows from it.

        `was_moving`, `moving`: whether its bytes are on their way, before and after. A file in the spool or taken is
        listed, one in the trash is in the listing of the trash; in the spool and in the trash it counts for quotas. A
        purged one loses its loudness. Raise ChangedMeanwhile and change nothing unless the row is as the caller has
        seen it: place, whether it moves, SHA-256, and no pending edit.
        """

    async def moving_file(self, file_id: str) -> StoredFile | None:
        """Return the file if its bytes are on their way."""

    async def moving_files(self) -> Sequence[StoredFile]:
        """Return the files whose bytes are on their way."""

    async def named_after(self, name: str, limit: int) -> Sequence[NamedFile]:
        """Return the next files in the order of their names, wherever they are; `name` "" begins."""

    async def trashed_before(self, at: int, limit: int) -> Sequence[str]:
        """Return ids of files that came into the trash before this time, oldest first."""

    async def list_trash(
        self,
        search: str,
        cursor: str | None,
        limit: int,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
    ) -> tuple[list[StoredFile], str | None]:
        """Return a page of the files in the trash with every word of `search`, newest first, and the next cursor.

        Those of the person `owner` and those in one of the collections; `owner` None lists all. Raise Malformed.
        """
