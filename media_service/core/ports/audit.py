"""Contract for the rows of the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from media_service.core.audit import AuditEntry, AuditFilter


class AuditLog(Protocol):
    """Durable rows, which are only inserted and, when they are old, deleted."""

    async def add(self, entry: AuditEntry) -> None:
        """Insert an entry, on disk when the call returns. Raise StorageFull, CatalogueError."""

    async def entries(self, wanted: AuditFilter, cursor: str | None, limit: int) -> tuple[list[AuditEntry], str | None]:
        """Return a page of entries, newest first, and the next page's cursor. Raise Malformed, CatalogueError.

        One call examines a bounded number of rows: with an action or words to search, a page may have fewer entries
        than the limit, also none, although there is a next one.
        """

    async def delete_before(self, at: int) -> int:
        """Delete entries from before this time in transactions of bounded size; return how many there were."""
