"""Contract for erasing an owner from the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.audit import AuditEntry


class ErasableRows(Protocol):
    """Durable changes, each one transaction, which may be repeated. Raise StorageFull, CatalogueError.

    The caller has the locks of the upload and of its file.
    """

    async def uploads_of(self, owner_id: str, limit: int) -> Sequence[str]:
        """Return ids of at most so many uploads that the owner owns, or that count for its quota."""

    async def anonymize(self, upload_id: str) -> None:
        """Give an upload and its file to ERASED_OWNER, and remove what names people beside their tags.

        That is account, sender, e-mail address and the dialect's own fields, also from what searches find. A missing
        upload is no error.
        """

    async def delete_upload(self, upload_id: str) -> None:
        """Delete the rows of an upload that has ended, and of its file. A missing one is no error."""

    async def erase_owner(self, owner_id: str, entry: AuditEntry) -> bool:
        """Delete the owner with its tokens, collections and usage, and its names in the audit trail; insert the entry.

        Return False and change nothing while it has an upload, or if there is no such owner.
        """
