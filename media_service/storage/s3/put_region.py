"""Send bytes of a local file as an object, and compare their SHA-256 with that of the bytes that were read before."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.storage.s3.completion import complete, give_up, is_made
from media_service.storage.s3.errors import BadDigest, NoSuchMultipart
from media_service.storage.s3.http import FileRegion
from media_service.storage.s3.parts import MAX_PARTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.new_object import NewObject

PART_BYTES = 64 * 1024 * 1024
"""Bytes of a part, and of the largest object that is sent whole: each is read twice, from the page cache then."""

READ_BYTES = 1024 * 1024


async def put_region(
    client: S3Client, new: NewObject, region: FileRegion, sha256: bytes, sent: Callable[[int], None]
) -> None:
    """Make the object, whole or not at all; report bytes to `sent`.

    Raise StorageFull; StorageError also if the bytes have another SHA-256 by now.
    """
    try:
        if len(region) > PART_BYTES:
            await _put_parts(client, new, region, sha256, sent)
        else:
            await client.put(new.key, region, sha256, metadata=new.metadata, content_type=new.content_type)
            sent(len(region))
    except BadDigest as error:
        raise StorageError from error
    except NoSuchMultipart as error:
        # Perhaps an attempt made the object and its response was lost.
        if not await is_made(client, new, len(region)):
            raise StorageError from error


async def sha256_of(region: FileRegion) -> bytes:
    """Return the SHA-256. Raise StorageError if the file is shorter."""
    return (await asyncio.to_thread(_read, region, hashlib.sha256())).digest()


def _read(region: FileRegion, *digests: hashlib._Hash) -> hashlib._Hash:
    """Add the bytes to all digests; return the first."""
    offset = region.start
    while offset < region.stop:
        block = os.pread(region.descriptor, min(READ_BYTES, region.stop - offset), offset)
        if not block:
            raise StorageError
        for digest in digests:
            digest.update(block)
        offset += len(block)
    return digests[0]


async def _put_parts(
    client: S3Client, new: NewObject, region: FileRegion, sha256: bytes, sent: Callable[[int], None]
) -> None:
    multiparts, whole = client.multiparts, hashlib.sha256()
    upload_id = await multiparts.create(new.key, metadata=new.metadata, content_type=new.content_type)
    size = max(PART_BYTES, -(-len(region) // MAX_PARTS))
    etags: list[str] = []
    try:
        for start in range(region.start, region.stop, size):
            part = FileRegion(region.descriptor, start, min(start + size, region.stop))
            digest = await asyncio.to_thread(_read, part, hashlib.sha256(), whole)
            etags.append(await multiparts.put_part(new.key, upload_id, len(etags) + 1, part, digest.digest()))
            sent(len(part))
        if whole.digest() != sha256:
            raise StorageError
        await complete(client, new, len(region), upload_id, etags)
    except BaseException:
        await give_up(client, new, upload_id)
        raise
