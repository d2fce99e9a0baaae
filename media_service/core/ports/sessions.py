"""Contract for the sessions of signed-in browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class SessionStore(Protocol):
    """Sessions of signed-in browsers. A change is on disk when its call returns. Times are UTC microseconds."""

    async def sessions(self) -> Sequence[tuple[bytes, int]]:
        """Return digest and expiry of every stored session."""

    async def session(self, digest: bytes) -> int | None:
        """Return the expiry of a stored session, None if there is none: another process may have begun or ended it."""

    async def begin_session(self, digest: bytes, created_at: int, expires_at: int) -> None:
        """Store a session and delete the expired ones. Raise StorageFull, CatalogueError."""

    async def end_session(self, digest: bytes) -> None:
        """Delete a session; a missing one is no error. Raise StorageFull, CatalogueError."""
