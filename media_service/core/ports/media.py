"""Contracts for what interprets media bytes: verification, tags, loudness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.cover import Picture
    from media_service.core.files import CoverAndChapters, LoudnessReport, RewritePlan, TagValues
    from media_service.core.findings import Finding
    from media_service.core.upload import Facts, Slice, Upload


class Media(Protocol):
    """Who knows what the bytes mean."""

    def follow(self, upload: Upload, path: Path, offset: int, piece: Slice) -> None:
        """The slice was recorded, and the file's bytes up to `offset` are there to be read, soon and elsewhere."""

    def early_rejections(self) -> AsyncIterator[tuple[str, Sequence[Finding]]]:
        """Yield, without end, each followed upload whose first bytes show that it will be rejected, and the findings.

        An upload may come several times.
        """

    def forget(self, upload_id: str) -> None:
        """What was read of this file is trusted no more, or nobody needs it."""

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """What is true of a whole file, of which these slices are recorded, and what is found in it.

        Whether it is to be accepted is for `core.verdict` to say of the findings. Raises LengthMismatch,
        DigestMismatch, ContentHashMismatch, MediaError, and FileNotFoundError when it is missing.
        """

    async def inspect_picture(self, picture: bytes) -> Picture | None:
        """What a picture's own bytes say of it; None for what is no picture that is shown."""

    async def front_cover(self, path: Path) -> bytes | None:
        """The picture that stands in front of a finished file, as it is; None for none, and for one too large.

        Raises MediaError, and FileNotFoundError.
        """

    async def plan_tags(self, path: Path, upload: Upload, picture: bytes | None) -> tuple[RewritePlan, TagValues]:
        """How to give a verified file the upload's tags, chapters and this cover, every other frame kept, and what it
        will carry then. `picture` None leaves the file's own cover.

        Raises MediaError.
        """

    async def plan_edit(
        self, path: Path, tags: Mapping[str, str], removed: Collection[str], enclosed: CoverAndChapters
    ) -> RewritePlan:
        """How to give a file in the spool these tags, take the removed ones and enclose this, every other frame kept.

        Raises NotMp3 for what cannot be written, MediaError, and FileNotFoundError.
        """


class LoudnessAnalyzer(Protocol):
    """Who listens to finished files, where there is a program to do it with."""

    @property
    def available(self) -> bool:
        """Whether there is."""

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        """What is heard in a file of so many seconds; nothing where it cannot be decoded within bounds.

        Raises FileNotFoundError, MediaError.
        """
