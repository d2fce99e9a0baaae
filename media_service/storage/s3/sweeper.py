"""Abort the multipart uploads of processes that died. Their parts are in no listing of objects, and use space."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from media_service.storage.s3.client import S3Client

ABANDONED_SECONDS = 24 * 60 * 60
"""Age of a multipart upload that nobody makes any more: the largest takes minutes."""

log = structlog.get_logger()


async def abort_abandoned(client: S3Client, seconds: float = ABANDONED_SECONDS) -> None:
    """Abort the multipart uploads that were begun so many seconds ago. Raise StorageError."""
    before = time.time() * MICROSECONDS - seconds * MICROSECONDS
    abandoned = [found async for found in client.multiparts.list("") if found.begun < before]
    for found in abandoned:
        await client.multiparts.abort(found.key, found.upload_id)
        log.info("aborted an abandoned multipart upload", key=found.key)
