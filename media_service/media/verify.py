"""Is every byte of a finished upload right, and is it an MP3? And how is it to be tagged?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.digest import WholeFileDigest, format_digest_field
from media_service.core.errors import ContentHashMismatch, DigestMismatch, LengthMismatch
from media_service.core.ports import TagPlan
from media_service.core.upload import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from media_service.core.upload import Upload
    from media_service.media.worker import ChildWorker

READ = 1024 * 1024


class Examiner:
    """`core.ports.Media`: digests here, MP3 and tags in the child process."""

    def __init__(self, worker: ChildWorker) -> None:
        self._worker = worker

    async def verify(self, path: Path, upload: Upload) -> Facts:
        """What is true of a whole file.

        Raises LengthMismatch, DigestMismatch, ContentHashMismatch, NotMp3, TooCostly, MediaTrouble, and
        FileNotFoundError when it is missing.
        """
        size, digest = await asyncio.to_thread(_digest, path)
        if upload.length is not None and size != upload.length:
            raise LengthMismatch(upload.length, size)
        sha256, content_hash = digest.sha256(), digest.content_hash()
        if upload.digest is not None and upload.digest != sha256:
            raise DigestMismatch(format_digest_field(upload.digest), format_digest_field(sha256))
        if upload.content_hash is not None and upload.content_hash != content_hash:
            raise ContentHashMismatch(upload.content_hash.hex(), content_hash.hex())
        answer, _ = await self._worker.ask("measure", path)
        return Facts(size=size, sha256=sha256, content_hash=content_hash, **answer["facts"])

    async def plan_tags(self, path: Path, tags: Mapping[str, str]) -> tuple[TagPlan, Mapping[str, str]]:
        """How to give the file these tags, every other frame kept, and the tags it will carry then.

        Raises TooCostly, MediaTrouble.
        """
        answer, head = await self._worker.ask("plan", path, tags=dict(tags))
        return TagPlan(head, answer["cut"]), answer["carried"]


def _digest(path: Path) -> tuple[int, WholeFileDigest]:
    digest, size = WholeFileDigest(), 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(READ):
            digest.update(piece)
            size += len(piece)
    return size, digest
