"""Contract for rejected files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Quarantine(Protocol):
    """Rejected files and their reports, kept for a while."""

    async def add(self, upload_id: str, source: Path, report: Mapping[str, Any]) -> None:
        """Keeps the source's bytes and the report, durably; the source stays. May be repeated.

        On a full disk the report may be empty.
        """

    async def size(self, upload_id: str) -> int | None:
        """How many bytes of the upload are kept; None when nothing is."""

    def path(self, upload_id: str) -> Path:
        """Where the kept bytes are, for reading."""

    async def restore(self, upload_id: str, target: Path) -> None:
        """Puts the kept bytes to `target` too, durably; they stay. May be repeated. Raises FileNotFoundError."""

    async def discard(self, upload_id: str) -> None:
        """Deletes the bytes and the report. What is not there is no error."""

    async def purge(self, before: int) -> list[str]:
        """Deletes what was taken before that time (UTC microseconds) and says of which uploads."""
