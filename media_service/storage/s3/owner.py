"""Whose objects a prefix has: the sweeper of another catalogue would delete them, because it has no rows of them."""

from __future__ import annotations

import hashlib
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from media_service.storage.s3.errors import PreconditionFailed

if TYPE_CHECKING:
    from media_service.storage.s3.client import S3Client

OWNER = "owner"
"""Key of the object that has the identity of the catalogue."""


async def claim_prefix(client: S3Client, identity: str) -> bool:
    """Return whether the prefix belongs to this catalogue; one without an owner does from now on. Raise StorageError.

    Of two that begin at the same moment one is refused, by engines that know no conditions at its next start.
    """
    data = identity.encode()
    try:
        return await _owner(client) == data
    except FileNotFoundError:
        with suppress(PreconditionFailed):
            await client.put(OWNER, data, hashlib.sha256(data).digest(), if_absent=True)
    return await _owner(client) == data


async def _owner(client: S3Client) -> bytes:
    async with aclosing(client.get(OWNER)) as blocks:
        return b"".join([block async for block in blocks])
