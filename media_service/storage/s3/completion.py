"""The last step of a multipart upload, whose response may be lost while the server still copies the parts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.new_object import NewObject

COPIED_BYTES_PER_SECOND = 32 * 1024 * 1024
MIN_WAIT_SECONDS = 2.0
"""How long an object is waited for that a server says it has made or is making: 10 minutes for 20 GiB."""

POLL_SECONDS = 0.5

ABORT_SECONDS = 10.0
"""How long an abort may take: whoever has cancelled what failed waits for it."""


async def complete(client: S3Client, new: NewObject, size: int, upload_id: str, etags: Sequence[str]) -> None:
    """Make the object of `size` bytes of its parts; return when it is there.

    Raise PreconditionFailed, NoSuchMultipart, FileNotFoundError as `Multiparts.complete`; StorageFull, StorageError.
    """
    is_certain = await client.multiparts.complete(
        new.key, upload_id, etags, if_absent=new.if_absent, if_match=new.if_match
    )
    if is_certain:
        return
    # What it is made of is deleted next, so the word of a server that may have been killed is not enough.
    deadline = asyncio.get_running_loop().time() + MIN_WAIT_SECONDS + size / COPIED_BYTES_PER_SECOND
    while not await is_made(client, new, size):
        if asyncio.get_running_loop().time() > deadline:
            raise StorageError
        await asyncio.sleep(POLL_SECONDS)


async def give_up(client: S3Client, new: NewObject, upload_id: str) -> None:
    """Abort an upload that has failed. What stays if this fails too is found by the sweeper."""
    with suppress(ServiceError, TimeoutError):
        async with asyncio.timeout(ABORT_SECONDS):
            await client.multiparts.abort(new.key, upload_id)


async def is_made(client: S3Client, new: NewObject, size: int) -> bool:
    """Return whether the object that exists is the new one."""
    try:
        found = await client.head(new.key)
    except FileNotFoundError:
        return False
    return found.size == size and found.metadata == new.metadata
