"""Contracts for the interpretation of media bytes: verification, tags, loudness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from media_service.core.collections import NO_DEFAULTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.collections import Defaults
    from media_service.core.cover import Picture
    from media_service.core.files import CoverAndChapters, LoudnessReport, RewritePlan, TagValues
    from media_service.core.findings import Finding
    from media_service.core.upload import Facts, Slice, Upload


class Media(Protocol):
    """Interprets media bytes; plans keep all other frames. Methods with a path raise MediaError, FileNotFoundError."""

    def follow(self, upload: Upload, path: Path, offset: int, slices: Sequence[Slice]) -> None:
        """Note the recorded slices: the file's bytes up to `offset` can be read, soon and in another thread."""

    def early_rejections(self) -> AsyncIterator[tuple[str, Sequence[Finding]]]:
        """Yield, endlessly and perhaps repeatedly, uploads whose first bytes show that they will be rejected."""

    def forget(self, upload_id: str) -> None:
        """Discard what was read of this file: it is no longer trusted, or no longer needed."""

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """Return the facts of a complete file; `core.findings` decides whether it is accepted.

        Raise LengthMismatch, DigestMismatch, ContentHashMismatch.
        """

    async def inspect_picture(self, picture: bytes) -> Picture | None:
        """Return what a picture's bytes say, None if they are no supported picture."""

    async def front_cover(self, path: Path) -> bytes | None:
        """Return a finished file's front cover unchanged, None if it has none or a too large one."""

    async def plan_tags(
        self, path: Path, upload: Upload, picture: bytes | None, defaults: Defaults = NO_DEFAULTS
    ) -> tuple[RewritePlan, TagValues]:
        """Plan to write the upload's tags, chapters and cover (None keeps the file's); return the new values too.

        `defaults` are for what neither the upload nor the file has.
        """

    async def plan_edit(
        self, path: Path, tags: Mapping[str, str], removed: Collection[str], enclosed: CoverAndChapters
    ) -> tuple[RewritePlan, TagValues]:
        """Plan an edit of a file in the spool; return the new values too. Raise NotMp3 if it cannot be written."""


class LoudnessAnalyzer(Protocol):
    """Measures loudness with a program that may not be installed."""

    @property
    def available(self) -> bool:
        """Return whether the program is installed."""

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        """Measure a file of `seconds`; empty if it cannot be decoded in limits. Raise FileNotFoundError, MediaError."""
