"""The spool of finished files, as objects. A file is complete when its key appears.

A file is assembled under `incoming/` and copied to its name inside of the store, which cannot rename. The copy appears
whole, only if the name is free, and tells of which assembled file it is. So after a crash an assembled file was not
published, or it was and is still there too: it is then deleted.

A file comes into the trash and back in the same way. The copy tells of which object it is one, by its ETag: so after a
crash the one that it was made of is known, and deleted, and never somebody else's that has come to its key since.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.files import NameInUse
from media_service.core.errors.service import StorageError
from media_service.core.files import AssembledFile, ObjectRange, RewritePlan, Source
from media_service.storage.filenames import safe_filenames
from media_service.storage.os_errors import map_os_errors
from media_service.storage.s3.compose import compose
from media_service.storage.s3.content import content_of
from media_service.storage.s3.errors import PreconditionFailed
from media_service.storage.s3.keys import INCOMING, SPOOL, incoming_key, spool_key, trash_key
from media_service.storage.s3.local_copy import copy_of, copy_of_tags
from media_service.storage.s3.new_object import NewObject
from media_service.storage.s3.slice_objects import objects_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Sequence
    from pathlib import Path

    from media_service.storage.s3.client import ObjectInfo, S3Client
    from media_service.storage.s3.content import ObjectContent
    from media_service.storage.s3.scratch import Scratch

CONTENT_TYPE = "audio/mpeg"
SHA256, ASSEMBLED_AS = "sha256", "assembled-as"
"""Metadata of a file: its SHA-256 in hexadecimal, and the key under which it was assembled."""

MOVED_FROM = "moved-from"
"""Metadata of a file that was in the trash, or is: the ETag of the object that it was copied from."""

LISTED_NAMES = 20
"""More names are looked for in a listing, of 1,000 in one request, and fewer one by one."""

READ_BYTES = 1024 * 1024
"""Bytes hashed at once."""


class S3Spool:
    """`core.ports.spool.Spool` in a bucket. `redirects`: clients may read from the store."""

    def __init__(self, client: S3Client, scratch: Scratch, *, redirects: bool = False) -> None:
        self._client = client
        self._scratch = scratch
        self._redirects = redirects

    async def assemble(self, upload_id: str, source: Source, plan: RewritePlan, length: int | None) -> AssembledFile:
        length = sum(part.stop - part.start for part in source.objects) if length is None else length
        audio_stop = length - len(plan.tail)
        with map_os_errors():
            digest = await asyncio.to_thread(_digest, source.path, plan, audio_stop)
        metadata = {SHA256: digest.hex(), ASSEMBLED_AS: upload_id}
        new = NewObject(key=incoming_key(upload_id), metadata=metadata, content_type=CONTENT_TYPE)
        audio = list(_selected(source.objects, plan.cut, audio_stop))
        await compose(self._client, new, [plan.head, *audio, plan.tail])
        size = len(plan.head) + length - plan.cut
        await self._check(new.key, plan, size)
        return AssembledFile(size, digest)

    async def _check(self, key: str, plan: RewritePlan, size: int) -> None:
        """Raise StorageError if the object has another size, head or tail than planned."""
        if (await self._client.head(key)).size != size:
            raise StorageError
        for planned, start in ((plan.head, 0), (plan.tail, size - len(plan.tail))):
            offset = 0
            async for block in self._client.get(key, start, start + len(planned)):
                if block != planned[offset : offset + len(block)]:
                    raise StorageError
                offset += len(block)

    async def is_assembled(self, upload_id: str) -> bool:
        return await self._find(incoming_key(upload_id)) is not None

    def candidate_names(self, filename: str, first: int, count: int) -> list[str]:
        return safe_filenames(filename, range(first, first + count))

    async def publish(self, upload_id: str, name: str) -> bool:
        assembled = await self._client.head(incoming_key(upload_id))
        existing = await self._find(spool_key(name))
        if existing is None:
            try:
                await self._copy(assembled, name, if_absent=True)
            except PreconditionFailed:
                return False
        elif existing.metadata != assembled.metadata:
            return False
        await self.discard_assembled(upload_id)
        return True

    async def discard_assembled(self, upload_id: str) -> None:
        await self._client.delete([incoming_key(upload_id)])

    async def list_assembled(self) -> list[str]:
        return [found.key.removeprefix(INCOMING) async for found in self._client.list_objects(INCOMING)]

    async def replace(self, key: str, name: str) -> None:
        existing = await self._client.head(spool_key(name))
        assembled = await self._client.head(incoming_key(key))
        try:
            await self._copy(assembled, name, if_match=existing.etag)
        except PreconditionFailed as error:
            # The caller has the file's lock, so no edit of ours did it.
            raise FileNotFoundError(name) from error
        await self.discard_assembled(key)

    async def _copy(self, assembled: ObjectInfo, name: str, *, if_absent: bool = False, if_match: str = "") -> None:
        new = NewObject(
            key=spool_key(name),
            metadata=assembled.metadata,
            content_type=CONTENT_TYPE,
            if_absent=if_absent,
            if_match=if_match,
        )
        await compose(self._client, new, [ObjectRange(assembled.key, 0, assembled.size)])

    async def measure(self, name: str) -> tuple[int, bytes] | None:
        found = await self._find(spool_key(name))
        if found is None:
            return None
        if SHA256 in found.metadata:
            return found.size, bytes.fromhex(found.metadata[SHA256])
        digest = hashlib.sha256()
        # Another program wrote it, so its SHA-256 is not in the metadata.
        async for block in self._client.get(found.key, etag=found.etag):
            digest.update(block)
        return found.size, digest.digest()

    async def discard(self, name: str) -> None:
        await self._client.delete([spool_key(name)])

    @asynccontextmanager
    async def reading(self, name: str, *, tags_only: bool = False) -> AsyncIterator[Source]:
        found = await self._client.head(spool_key(name))
        copy = copy_of_tags if tags_only else copy_of
        async with copy(self._client, found, self._scratch) as path:
            yield Source(path, (ObjectRange(found.key, 0, found.size),))

    async def content(self, name: str) -> ObjectContent | None:
        return await content_of(self._client, spool_key(name), redirects=self._redirects)

    async def missing(self, names: Collection[str]) -> set[str]:
        if len(names) < LISTED_NAMES:
            return {name for name in names if await self._find(spool_key(name)) is None}
        first, last = min(map(spool_key, names), key=str.encode), max(map(spool_key, names), key=str.encode)
        found = set()
        # `after` is exclusive: begin after the longest prefix of the first name, so that the name itself is listed.
        async for listed in self._client.list_objects(SPOOL, after=first[:-1]):
            if listed.key.encode() > last.encode():
                break
            found.add(listed.key.removeprefix(SPOOL))
        return {name for name in names if name not in found}

    async def trash(self, file_id: str, name: str) -> bool:
        # An object that has come to the name since is somebody else's.
        return await self._move(spool_key(name), trash_key(file_id)) is not None

    async def restore(self, file_id: str, name: str) -> bool:
        moved = await self._move(trash_key(file_id), spool_key(name))
        if moved is False:
            raise NameInUse(name)
        return moved is True

    async def discard_trashed(self, file_id: str) -> None:
        await self._client.delete([trash_key(file_id)])

    async def trashed_content(self, file_id: str) -> ObjectContent | None:
        return await content_of(self._client, trash_key(file_id), redirects=self._redirects)

    async def _move(self, old: str, new: str) -> bool | None:
        """Return True if the file is at `new`, False if another one is there, None if it is in neither place."""
        source, there = await self._find(old), await self._find(new)
        if source is None:
            return None if there is None else True
        if there is None:
            try:
                await self._copy_moved(source, new)
            except PreconditionFailed:
                return False
        elif there.metadata.get(MOVED_FROM) != _etag(source):
            return False
        # If a reader takes the file between the copy and this call, it has been copied to the trash too.
        await self._client.delete([old])
        return True

    async def _copy_moved(self, source: ObjectInfo, key: str) -> None:
        metadata = {**source.metadata, MOVED_FROM: _etag(source)}
        new = NewObject(key=key, metadata=metadata, content_type=CONTENT_TYPE, if_absent=True)
        await compose(self._client, new, [ObjectRange(source.key, 0, source.size)])

    async def _find(self, key: str) -> ObjectInfo | None:
        try:
            return await self._client.head(key)
        except FileNotFoundError:
            return None


def _etag(found: ObjectInfo) -> str:
    """Return the ETag as metadata have it: without its quotes."""
    return found.etag.strip('"')


def _selected(objects: Sequence[ObjectRange], start: int, stop: int) -> Iterator[ObjectRange]:
    """Yield the ranges that are the bytes `[start, stop)` of the file. Raise StorageError if it ends before."""
    end = start
    for offset, part in objects_after(objects, start):
        end = max(end, min(offset + part.stop - part.start, stop))
        if offset < stop:
            yield ObjectRange(part.key, part.start, part.start + end - offset)
    if end < stop:
        raise StorageError


def _digest(path: Path, plan: RewritePlan, audio_stop: int) -> bytes:
    """Return the SHA-256 of the planned file. Raise FileNotFoundError; StorageError if the source ends before."""
    digest = hashlib.sha256(plan.head)
    remaining = audio_stop - plan.cut
    with path.open("rb", buffering=0) as file:
        file.seek(plan.cut)
        buffer = memoryview(bytearray(READ_BYTES))
        while remaining > 0:
            count = file.readinto(buffer[: min(remaining, READ_BYTES)])
            if not count:
                raise StorageError
            digest.update(buffer[:count])
            remaining -= count
    digest.update(plan.tail)
    return digest.digest()
