"""Contract for rejected files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Quarantine(Protocol):
    """Rejected files and their reports. Changes are durable and may be repeated."""

    async def add(self, upload_id: str, source: Path, report: Mapping[str, Any]) -> None:
        """Store the source's bytes and the report; the source stays. On a full disk the report may be empty."""

    async def size(self, upload_id: str) -> int | None:
        """Return the number of stored bytes, None if there are none."""

    def path(self, upload_id: str) -> Path:
        """Return where to read the stored bytes."""

    async def restore(self, upload_id: str, target: Path) -> None:
        """Put the bytes at `target` too; they stay in the quarantine. Raise FileNotFoundError."""

    async def discard(self, upload_id: str) -> None:
        """Delete the bytes and the report; missing ones are no error."""

    async def purge(self, before: int) -> list[str]:
        """Delete what was stored before that time (UTC microseconds); return its upload ids."""
