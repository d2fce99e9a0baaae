"""Rejected files and their reports, as objects."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from media_service.core.errors.service import StorageFull
from media_service.core.files import ObjectRange
from media_service.storage.s3.compose import compose
from media_service.storage.s3.content import content_of
from media_service.storage.s3.keys import QUARANTINE, REPORT_SUFFIX, RESTORED, quarantine_key, whole_key
from media_service.storage.s3.new_object import NewObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.core.files import Source
    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.content import ObjectContent


class S3Quarantine:
    """`core.ports.quarantine.Quarantine` in a bucket. `redirects`: clients may read from the store."""

    def __init__(self, client: S3Client, *, redirects: bool = False) -> None:
        self._client = client
        self._redirects = redirects

    async def add(self, upload_id: str, source: Source, report: Mapping[str, Any]) -> None:
        # In a full store the report is missing; the upload's row has the same information.
        with suppress(StorageFull):
            await self._put_report(upload_id, report)
        # The bytes of an upload never change, but more may have come since an attempt that a crash interrupted.
        if await self.size(upload_id) != sum(part.stop - part.start for part in source.objects):
            await compose(self._client, NewObject(key=quarantine_key(upload_id)), source.objects)

    async def _put_report(self, upload_id: str, report: Mapping[str, Any]) -> None:
        text = json.dumps(dict(report), ensure_ascii=False, indent=2, default=str) + "\n"
        data, key = text.encode(), quarantine_key(upload_id) + REPORT_SUFFIX
        await self._client.put(key, data, hashlib.sha256(data).digest(), content_type="application/json")

    async def size(self, upload_id: str) -> int | None:
        content = await self.content(upload_id)
        return None if content is None else content.size

    async def content(self, upload_id: str) -> ObjectContent | None:
        return await content_of(self._client, quarantine_key(upload_id), redirects=self._redirects)

    async def restore(self, upload_id: str) -> None:
        kept = await self._client.head(quarantine_key(upload_id))
        new = NewObject(key=whole_key(upload_id, RESTORED))
        await compose(self._client, new, [ObjectRange(kept.key, 0, kept.size)])

    async def discard(self, upload_id: str) -> None:
        # The report goes last: `purge` finds what is left by it.
        for key in (quarantine_key(upload_id), quarantine_key(upload_id) + REPORT_SUFFIX):
            await self._client.delete([key])

    async def purge(self, before: int) -> list[str]:
        reports = [
            found.key.removeprefix(QUARANTINE).removesuffix(REPORT_SUFFIX)
            async for found in self._client.list_objects(QUARANTINE)
            if found.key.endswith(REPORT_SUFFIX) and found.modified < before
        ]
        for upload_id in reports:
            await self.discard(upload_id)
        return reports
