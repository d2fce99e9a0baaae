"""A node that stores slices of uploads as objects, also over a line that breaks, with the fixtures of its tests."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest_asyncio

from media_service.core.upload import Slice
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.location import S3Location
from media_service.storage.s3.upload_store import S3UploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.storage.s3.scratch import Scratch
    from tests.storage.s3.relay import Relay
    from tests.support.s3 import Bucket

MIB = 1024 * 1024
BYTES = random.Random(17).randbytes(6 * MIB)
SHA256 = hashlib.sha256(BYTES).digest()


class Node:
    """A store on one machine, and what is in the bucket."""

    def __init__(self, client: S3Client, scratch: Scratch) -> None:
        self.client = client
        self.scratch = scratch
        self.store = S3UploadStore(client, scratch)

    async def send(
        self, start: int, data: bytes, digest: bytes | None = None, block: int = 256 * 1024, upload: str = "a"
    ) -> Slice:
        """Send a slice; return it as it is to be recorded."""
        writer = await self.store.begin(upload, start, len(data), digest=digest)
        try:
            for at in range(0, len(data), block):
                await writer.write(data[at : at + block])
            stored = await writer.commit()
        finally:
            writer.close()
        return Slice(start, start + len(data), digest, stored.object)

    async def keys(self) -> list[str]:
        return [found.key async for found in self.client.list_objects("uploads/")]

    async def fetched(self, *slices: Slice) -> bytes:
        stop = max(piece.stop for piece in slices)
        return (await self.store.fetch("a", slices, stop)).path.read_bytes()


@pytest_asyncio.fixture
async def node(client: S3Client, scratch: Scratch) -> Node:
    return Node(client, scratch)


@pytest_asyncio.fixture
async def far(bucket: Bucket, relay: Relay, scratch: Scratch) -> AsyncIterator[Node]:
    """Yield a node behind the relay."""
    async with S3Client(S3Location.parse(f"s3://{bucket.name}/far", endpoint=relay.endpoint)) as client:
        yield Node(client, scratch)
        await client.delete([found.key async for found in client.list_objects("")])
