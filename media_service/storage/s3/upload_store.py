"""Unfinished uploads as objects: each attempt at a slice is one, and the rows of the catalogue say which of them count.

So nothing is ever overwritten, and writers on different machines need no locks. What no row names is deleted with the
upload.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError, StorageFull
from media_service.core.files import ObjectRange, Source
from media_service.storage.s3.compose import compose
from media_service.storage.s3.copies import Copies
from media_service.storage.s3.keys import RESTORED, UPLOADS, slice_key, upload_prefix, whole_key
from media_service.storage.s3.new_object import NewObject
from media_service.storage.s3.slice_objects import key_of, objects_before
from media_service.storage.s3.slice_writer import ATTEMPT_BYTES, UNBOUNDED, S3SliceWriter
from media_service.storage.s3.sweeper import abort_abandoned

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from media_service.core.upload import Slice
    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.scratch import Scratch


class S3UploadStore:
    """`core.ports.upload_store.UploadStore` in a bucket."""

    def __init__(self, client: S3Client, scratch: Scratch) -> None:
        self._client = client
        self._scratch = scratch
        self._copies = Copies(client, scratch)

    async def create(self, upload_id: str, length: int | None) -> None:
        pass

    async def begin(
        self, upload_id: str, start: int, size: int | None, *, most: int | None = None, digest: bytes | None = None
    ) -> S3SliceWriter:
        return S3SliceWriter(self._client, self._scratch, upload_id, start, size=size or most, digest=digest)

    async def try_exclusive(self, upload_id: str) -> bool:
        return True

    def end_exclusive(self, upload_id: str) -> None:
        pass

    async def sync_all(self, upload_id: str) -> None:
        pass

    async def fetch(self, upload_id: str, slices: Sequence[Slice], stop: int, *, ahead: bool = False) -> Source:
        if ahead and not self._copies.have_room():
            raise StorageFull
        objects = objects_before(upload_id, slices, stop)
        return Source(await self._copies.extend(upload_id, objects, ahead=ahead), objects)

    async def release(self, upload_id: str) -> None:
        await self._copies.drop(upload_id)

    async def is_lost(self, upload_id: str, slices: Sequence[Slice]) -> bool:
        needed = {key_of(upload_id, piece) for piece in slices} or {whole_key(upload_id, RESTORED)}
        return not needed <= {found async for found in self._keys(upload_id)}

    async def trim(self, upload_id: str, length: int) -> None:
        pass

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, Sequence[Slice], int]]) -> str:
        pieces: list[ObjectRange] = []
        for source, slices, length in sources:
            objects = objects_before(source, slices, length)
            if sum(part.stop - part.start for part in objects) < length:
                raise StorageError
            pieces += objects
        attempt = secrets.token_urlsafe(ATTEMPT_BYTES)
        whole = slice_key(upload_id, 0, sum(length for _, _, length in sources), attempt)
        await compose(self._client, NewObject(key=whole, metadata={"attempt": attempt}), pieces)
        return attempt

    async def discard(self, upload_id: str) -> None:
        await self._copies.drop(upload_id)
        await self._client.delete([key async for key in self._keys(upload_id)])

    async def list_ids(self) -> list[str]:
        stored = {upload_id async for upload_id in self._client.list_folders(UPLOADS)}
        return list(stored | self._copies.ids())

    async def free(self) -> int:
        return UNBOUNDED

    async def disk_usage(self) -> None:
        return None

    async def clear_abandoned(self) -> None:
        await abort_abandoned(self._client)

    async def _keys(self, upload_id: str) -> AsyncGenerator[str, None]:
        async for found in self._client.list_objects(upload_prefix(upload_id)):
            yield found.key
