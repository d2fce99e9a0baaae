"""Is every byte of a finished upload right, and is it an MP3? And how is it to be tagged?"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from media_service.core.digest import format_digest_field
from media_service.core.errors import ContentHashMismatch, DigestMismatch, LengthMismatch
from media_service.core.ports import TagPlan
from media_service.core.upload import Facts
from media_service.media.follow import Following

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from media_service.core.upload import Slice, Upload
    from media_service.media.worker import ChildWorker

AHEAD = 4 * 1024 * 1024
"""Bytes that must wait to be read before the reader sets out: small files are read once, at their end."""


class Examiner:
    """`core.ports.Media`: digests here, MP3 and tags in the child process.

    With `ahead` files are hashed while they arrive; without, in one pass at their end.
    """

    def __init__(self, worker: ChildWorker, *, ahead: bool) -> None:
        self._worker = worker
        self._ahead = ahead
        self._following: dict[str, Following] = {}
        self._thread = ThreadPoolExecutor(1, "follower")

    def follow(self, upload: Upload, path: Path, offset: int, piece: Slice) -> None:
        """The slice was recorded, and the file's bytes up to `offset` are there to be read, soon and elsewhere."""
        if self._ahead:
            following = self._following_of(upload, path)
            following.learn([piece])
            if offset - following.digest.size >= AHEAD:
                following.go_on_to(offset, self._thread).add_done_callback(_look_at)

    def forget(self, upload_id: str) -> None:
        """What was read of this file is trusted no more, or nobody needs it."""
        self._following.pop(upload_id, None)

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """What is true of a whole file, of which these slices are recorded.

        Raises LengthMismatch, DigestMismatch, ContentHashMismatch, NotMp3, TooCostly, MediaTrouble, and
        FileNotFoundError when it is missing.
        """
        assert upload.length is not None
        following = self._following_of(upload, path)
        following.learn(slices)
        try:
            await following.go_on_to(upload.length, self._thread)
        finally:
            self.forget(upload.id)
        digest, size = following.digest, await asyncio.to_thread(os.path.getsize, path)
        if not digest.size == size == upload.length:
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

    def close(self) -> None:
        """Ends the thread that reads."""
        self._thread.shutdown()

    def _following_of(self, upload: Upload, path: Path) -> Following:
        return self._following.setdefault(upload.id, Following(path, upload.length))


def _look_at(task: asyncio.Task[None]) -> None:
    """An error of reading ahead is met again, and told, when the file is verified."""
    if not task.cancelled():
        task.exception()
