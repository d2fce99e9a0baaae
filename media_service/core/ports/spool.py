"""Contract for finished files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.files import AssembledFile, RewritePlan


class Spool(Protocol):
    """Finished files."""

    async def assemble(self, upload_id: str, source: Path, plan: RewritePlan, length: int | None) -> AssembledFile:
        """Makes the tagged file beside the spool, whole and durable, from the source's first `length` bytes, or all.

        Asked again for the same upload, it starts anew. Raises StorageFull, and FileNotFoundError when the source is
        missing.
        """

    async def is_assembled(self, upload_id: str) -> bool:
        """Whether an assembled file of this upload has no name yet."""

    def candidate_names(self, filename: str, first: int, count: int) -> list[str]:
        """Names for a file called `filename`, from its `first` copy on: the second gets ` (2)`."""

    async def publish(self, upload_id: str, name: str) -> bool:
        """Gives the assembled file this name in the spool, durably; False, and nothing done, when it is taken.

        From then on it waits no more, whatever its readers do with it.
        """

    async def discard_assembled(self, upload_id: str) -> None:
        """Removes what was assembled for the upload and has no name."""

    async def list_assembled(self) -> list[str]:
        """The uploads for which something was assembled that has no name."""

    async def replace(self, key: str, name: str) -> None:
        """Puts what was assembled under `key` in the place of the file of this name, durably and in one step.

        Whoever reads the old one reads it to its end. Raises FileNotFoundError, and does nothing, where its reader took
        it away.
        """

    async def measure(self, name: str) -> tuple[int, bytes] | None:
        """Bytes and SHA-256 of a finished file as it lies there; None where its reader took it away."""

    def path(self, stored_name: str) -> Path:
        """Where a finished file lies."""
