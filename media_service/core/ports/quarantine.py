"""Contract for rejected files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.core.content import Content
    from media_service.core.files import Source


class Quarantine(Protocol):
    """Rejected files and their reports. Changes are durable and may be repeated."""

    async def add(self, upload_id: str, source: Source, report: Mapping[str, Any]) -> None:
        """Store the source's bytes and the report; the source stays. On a full disk the report may be empty."""

    async def size(self, upload_id: str) -> int | None:
        """Return the number of stored bytes, None if there are none."""

    async def content(self, upload_id: str) -> Content | None:
        """Return the stored bytes to send, None if there are none."""

    async def restore(self, upload_id: str) -> None:
        """Put the bytes back into the upload store, too, as those of the whole upload. Raise FileNotFoundError."""

    async def discard(self, upload_id: str) -> None:
        """Delete the bytes and the report; missing ones are no error."""

    async def purge(self, before: int) -> list[str]:
        """Delete what was stored before that time (UTC microseconds); return its upload ids."""
