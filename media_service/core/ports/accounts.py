"""Contract for the rows of owners and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.accounts import Credential, Owner, OwnerKind, Token, TokenKind
    from media_service.core.audit import AuditEntry


class Accounts(Protocol):
    """Durable rows: each change is one transaction, on disk when its call returns. Times are UTC microseconds.

    Digests are those of `tokens.digest`. An `entry` of the audit trail is inserted in the same transaction, and not if
    the change is refused. A change raises StorageFull, CatalogueError.
    """

    async def credential(self, digest: bytes) -> Credential | None:
        """Return the token with this digest and its owner, also a revoked or expired one; None without one."""

    async def owner(self, owner_id: str) -> Owner | None:
        """Return the owner."""

    async def person_named(self, name_key: str) -> Owner | None:
        """Return the person with this folded name."""

    async def owners(self, kind: OwnerKind, cursor: str | None, limit: int) -> tuple[list[Owner], str | None]:
        """Return a page of owners of this kind, newest first, and the next page's cursor. Raise Malformed."""

    async def has_admin(self) -> bool:
        """Return whether there is a person with the role `admin` who is not disabled."""

    async def add_owner(self, owner: Owner, name_key: str | None, entry: AuditEntry | None = None) -> bool:
        """Insert an owner and its usage row; return False and insert nothing if the name is taken."""

    async def save_owner(self, owner: Owner, name_key: str | None, entry: AuditEntry | None = None) -> bool:
        """Update an owner and its collections, but not when it was created or seen.

        Return False and change nothing if its new name is taken, or it was erased meanwhile.
        """

    async def note_seen(self, owner_id: str, token_id: str, now: int) -> None:
        """Set `seen_at` of the owner and `used_at` of the token."""

    async def add_token(self, token: Token, digest: bytes, entry: AuditEntry | None = None) -> None:
        """Insert a token, and delete sessions and invitations that have expired."""

    async def tokens(self, owner_id: str | None, kinds: Sequence[TokenKind]) -> Sequence[Token]:
        """Return the owner's tokens of these kinds, newest first.

        `owner_id` None: the sessions of the admin token; "": the tokens of every owner.
        """

    async def token(self, token_id: str) -> Token | None:
        """Return the token."""

    async def use_invitation(self, digest: bytes, now: int) -> str | None:
        """Revoke a valid invitation and return its owner's id; None if it was used, has expired, or is unknown."""

    async def revoke_token(self, token_id: str, now: int, entry: AuditEntry | None = None) -> bool:
        """Revoke a token, delete a session; return False if there is none that is valid."""

    async def revoke_tokens_of(
        self, owner_id: str, kinds: Sequence[TokenKind], now: int, entry: AuditEntry | None = None
    ) -> None:
        """Revoke the owner's tokens of these kinds, and delete the sessions."""
