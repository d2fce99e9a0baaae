"""Make an object of others and of bytes: copied inside of the store, so that hardly any goes through this process."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.core.files import ObjectRange
from media_service.storage.s3.completion import complete, give_up, is_made
from media_service.storage.s3.errors import NoSuchMultipart, PreconditionFailed
from media_service.storage.s3.parts import Joined, LocalRange, plan_parts, size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.new_object import NewObject
    from media_service.storage.s3.parts import Part, Piece

PARTS_AT_ONCE = 4
"""Parts in progress: a joined one is in memory, and a store copies several sooner than one after the other."""


async def compose(client: S3Client, new: NewObject, pieces: Sequence[bytes | ObjectRange]) -> None:
    """Make an object of these pieces, in order; whole or not at all.

    Raise FileNotFoundError if a source, or what it should replace, is missing; PreconditionFailed, StorageFull,
    StorageError.
    """
    local = [piece for piece in pieces if isinstance(piece, bytes)]
    numbers = count()
    planned = [each if isinstance(each, ObjectRange) else LocalRange(next(numbers), 0, len(each)) for each in pieces]
    size = sum(map(size_of, planned))
    try:
        await _Composition(client, new, local, size).make(plan_parts(planned))
    except PreconditionFailed:
        # Perhaps an attempt made it and its response was lost; the next one then meets what it made.
        if not await is_made(client, new, size):
            raise
    except NoSuchMultipart as error:
        if not await is_made(client, new, size):
            raise StorageError from error


ENDING_SECONDS = 10.0
"""How long parts in progress may take to end when another one has failed, or all are cancelled."""


class _Composition:
    def __init__(self, client: S3Client, new: NewObject, local: Sequence[bytes], size: int) -> None:
        self._client = client
        self._new = new
        self._local = local
        self._size = size

    async def make(self, parts: Sequence[Part]) -> None:
        if len(parts) > 1 or (parts and isinstance(parts[0], ObjectRange)):
            await self._make_of_parts(parts)
            return
        body = await self._bytes_of(parts[0]) if parts and isinstance(parts[0], Joined) else b""
        await self._client.put(
            self._new.key,
            body,
            hashlib.sha256(body).digest(),
            metadata=self._new.metadata,
            content_type=self._new.content_type,
            if_absent=self._new.if_absent,
            if_match=self._new.if_match,
        )

    async def _make_of_parts(self, parts: Sequence[Part]) -> None:
        new, multiparts = self._new, self._client.multiparts
        upload_id = await multiparts.create(new.key, metadata=new.metadata, content_type=new.content_type)
        try:
            etags = await self._make_parts(upload_id, parts)
            await complete(self._client, new, self._size, upload_id, etags)
        except BaseException:
            await give_up(self._client, new, upload_id)
            raise

    async def _make_parts(self, upload_id: str, parts: Sequence[Part]) -> list[str]:
        """Make all parts, several at once; return their ETags. After an error no other one is begun."""
        etags = [""] * len(parts)
        pending = deque(enumerate(parts))

        async def work() -> None:
            while pending:
                index, part = pending.popleft()
                etags[index] = await self._make_part(upload_id, index + 1, part)

        workers = [asyncio.create_task(work()) for _ in range(min(PARTS_AT_ONCE, len(parts)))]
        try:
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            pending.clear()
            # Not cancelled at once, because a store may keep parts for ever that it gets while the upload is aborted.
            _, late = await asyncio.wait(workers, timeout=ENDING_SECONDS)
            for worker in late:
                worker.cancel()
            await asyncio.wait(workers)
            errors = [error for worker in workers if not worker.cancelled() and (error := worker.exception())]
        if errors:
            raise errors[0]
        return etags

    async def _make_part(self, upload_id: str, number: int, part: Part) -> str:
        key, multiparts = self._new.key, self._client.multiparts
        if isinstance(part, ObjectRange):
            return await multiparts.copy_part(key, upload_id, number, part)
        body = await self._bytes_of(part)
        return await multiparts.put_part(key, upload_id, number, body, hashlib.sha256(body).digest())

    async def _bytes_of(self, part: Joined) -> bytes:
        return b"".join([block for piece in part.pieces for block in await self._blocks_of(piece)])

    async def _blocks_of(self, piece: Piece) -> list[bytes]:
        if isinstance(piece, LocalRange):
            return [self._local[piece.key][piece.start : piece.stop]]
        async with aclosing(self._client.get(piece.key, piece.start, piece.stop)) as blocks:
            return [block async for block in blocks]
