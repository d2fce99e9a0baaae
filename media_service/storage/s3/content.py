"""An object, to be sent to clients."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from media_service.storage.s3.errors import PreconditionFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from media_service.storage.s3.client import ObjectInfo, S3Client

URL_SECONDS = 900
"""How long a URL is valid: a player opens it again when its listener jumps."""


class ObjectContent:
    """`core.content.Content` of an object. `redirects`: clients may read it from the store."""

    path: Path | None = None

    def __init__(self, client: S3Client, info: ObjectInfo, *, redirects: bool) -> None:
        self._client = client
        self._info = info
        self._redirects = redirects

    @property
    def size(self) -> int:
        return self._info.size

    @property
    def etag(self) -> str:
        return self._info.etag.strip('"')

    @property
    def modified(self) -> int:
        return self._info.modified

    async def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._client.get(self._info.key, start, stop, etag=self._info.etag)) as blocks:
                async for block in blocks:
                    yield block
        except PreconditionFailed as error:
            raise FileNotFoundError(self._info.key) from error

    async def url(self, content_type: str, disposition: str) -> str | None:
        if not self._redirects:
            return None
        headers = {
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": "private, no-cache",
        }
        return await self._client.presign(self._info.key, URL_SECONDS, headers)


async def content_of(client: S3Client, key: str, *, redirects: bool) -> ObjectContent | None:
    """Return the object as it is now, None if there is none."""
    try:
        return ObjectContent(client, await client.head(key), redirects=redirects)
    except FileNotFoundError:
        return None
