"""Contract for the rows of guest links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.access import Viewer
    from media_service.core.accounts import Token
    from media_service.core.audit import AuditEntry
    from media_service.core.guest_links import GuestLink, ListedLink


class GuestLinks(Protocol):
    """Durable rows: each change is one transaction, on disk when its call returns. Times are UTC microseconds.

    A link has one valid token, of the kind `link`, whose digest is that of its secret. Changes raise StorageFull,
    CatalogueError; reading raises CatalogueError. `entry` of the audit trail is written if the change is made.
    """

    async def link(self, link_id: str) -> GuestLink | None:
        """Return the link."""

    async def listed(self, link_id: str) -> ListedLink | None:
        """Return the link as listings show it."""

    async def listed_of_secret(self, digest: bytes) -> ListedLink | None:
        """Return the link whose secret has this digest and was not replaced."""

    async def links(self, viewer: Viewer | None, cursor: str | None, limit: int) -> tuple[list[ListedLink], str | None]:
        """Return a page of links, newest first, and the next page's cursor. Raise Malformed.

        A viewer gets those for its collections, and of the general one those that its owners have created; None gets
        all.
        """

    async def add_link(self, link: GuestLink, token: Token, digest: bytes, entry: AuditEntry) -> None:
        """Insert a link as an owner, its token, and its usage row."""

    async def save_link(self, link: GuestLink, entry: AuditEntry) -> None:
        """Update a link, and the collection of its tokens. Raise UnknownLink."""

    async def replace_token(self, token: Token, digest: bytes, entry: AuditEntry) -> None:
        """Revoke the tokens of this token's owner, and insert it."""

    async def guest_uploads(
        self, link_id: str, owner: str, cursor: str | None, limit: int
    ) -> tuple[Sequence[str], str | None]:
        """Return a page of ids of uploads that this owner has sent by the link, newest first. Raise Malformed."""

    async def allows_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may use any link."""
