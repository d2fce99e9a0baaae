"""The objects of one bucket: small requests by aiobotocore, bytes by streamed signed requests."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from media_service.core.errors.service import StorageError
from media_service.storage.s3.connection import CONNECTIONS, S3Connection
from media_service.storage.s3.errors import S3Error
from media_service.storage.s3.http import BLOCK_BYTES
from media_service.storage.s3.multiparts import Multiparts
from media_service.storage.s3.retries import CONNECTION_ERRORS, DELAYS_SECONDS, retried
from media_service.storage.s3.times import microseconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from types import TracebackType

    import aiohttp
    from types_aiobotocore_s3.type_defs import ListObjectsV2OutputTypeDef

    from media_service.storage.s3.http import Body
    from media_service.storage.s3.location import S3Location

SIGNED_BYTES = 16 * 1024 * 1024
"""Largest body whose digest is in the signature, which every server checks, but S3Proxy by keeping it in memory.

Larger ones have it in `x-amz-checksum-sha256` only, which is signed as a header.
"""

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

DELETED_AT_ONCE = 1000
"""Most keys in one request: S3's limit."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object: its key below the prefix, size in bytes, ETag, and when it was written (UTC microseconds).

    Its `metadata` is empty in listings.
    """

    key: str
    size: int
    etag: str
    modified: int
    metadata: Mapping[str, str]


class S3Client:
    """Objects by their keys below the prefix. Use it as an async context manager, which raises StoreUnusable.

    Every request is repeated if its failure may pass. Methods raise StorageError and StorageFull besides what they
    name.
    """

    def __init__(self, location: S3Location, *, connections: int = CONNECTIONS) -> None:
        self._connection = S3Connection(location, connections=connections)
        self.multiparts = Multiparts(self._connection)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    @property
    def origin(self) -> str:
        """Return scheme, host and port of the URLs that `presign` returns."""
        return self._connection.origin

    async def check(self) -> None:
        """Raise StoreUnusable if the bucket does not exist or must not be used."""
        await self._connection.check()

    async def put(
        self,
        key: str,
        body: Body,
        sha256: bytes,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
        if_absent: bool = False,
        if_match: str = "",
    ) -> str:
        """Write an object whole; return its ETag. Raise BadDigest.

        `if_absent`: only if there is none; `if_match`: only in place of the one with this ETag; else raise
        PreconditionFailed or FileNotFoundError. A repeated attempt may meet what the first one wrote, and raise these.
        """
        headers = {"Content-Type": content_type, "x-amz-checksum-sha256": base64.b64encode(sha256).decode()}
        headers |= {f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}
        if if_absent:
            headers["If-None-Match"] = "*"
        if if_match:
            headers["If-Match"] = if_match
        signed = sha256.hex() if len(body) <= SIGNED_BYTES else UNSIGNED_PAYLOAD
        http, url = self._connection.http, self._connection.url(key)
        return await retried("PutObject", key, lambda: http.put("PutObject", url, headers, body, signed))

    async def get(
        self, key: str, start: int = 0, stop: int | None = None, *, etag: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `[start, stop)` in blocks of at most 256 KiB, of the object with this ETag if one is given.

        If the connection breaks, go on from the next byte of the same object. It holds a connection until it is closed.
        Raise FileNotFoundError, PreconditionFailed; StorageError also if the object ends before `stop`.
        """
        broken = 0
        while stop is None or start < stop:
            response = await self._get_response(key, start, stop, etag)
            async with response:
                etag = response.headers.get("ETag", "")
                stop = start + int(response.headers["Content-Length"])
                try:
                    async for block in response.content.iter_chunked(BLOCK_BYTES):
                        start, broken = start + len(block), 0
                        yield block
                except CONNECTION_ERRORS as error:
                    broken += 1
                    if broken > len(DELAYS_SECONDS):
                        raise StorageError from error
                    await asyncio.sleep(DELAYS_SECONDS[broken - 1])

    async def _get_response(self, key: str, start: int, stop: int | None, etag: str) -> aiohttp.ClientResponse:
        headers = {"If-Match": etag} if etag else {}
        if start or stop is not None:
            headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        http, url = self._connection.http, self._connection.url(key)
        response = await retried("GetObject", key, lambda: http.send("GetObject", "GET", url, headers))
        size = int(response.headers["Content-Length"])
        if ("Range" in headers) != (response.status == 206) or (stop is not None and size != stop - start):
            # The object ends before, or the server ignores ranges.
            response.close()
            raise StorageError
        return response

    async def head(self, key: str) -> ObjectInfo:
        """Return an object's size and metadata. Raise FileNotFoundError."""
        found = await self._connection.call("HeadObject", key, self._connection.s3.head_object)
        modified = microseconds(found["LastModified"])
        return ObjectInfo(key, found["ContentLength"], found["ETag"], modified, found["Metadata"])

    async def list_objects(self, prefix: str, after: str = "") -> AsyncGenerator[ObjectInfo, None]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys; those `after` a key."""
        options = {"StartAfter": self._connection.full(after)} if after else {}
        async for page in self._pages(prefix, **options):
            for found in page.get("Contents", ()):
                modified = microseconds(found["LastModified"])
                yield ObjectInfo(self._connection.short(found["Key"]), found["Size"], found["ETag"], modified, {})

    async def list_folders(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield what comes between the prefix and the next slash in the keys that begin with it, each once."""
        async for page in self._pages(prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                yield self._connection.short(found["Prefix"]).removeprefix(prefix).removesuffix("/")

    async def _pages(self, prefix: str, **options: str) -> AsyncGenerator[ListObjectsV2OutputTypeDef, None]:
        list_page = self._connection.s3.list_objects_v2
        while True:
            page = await self._connection.call("ListObjectsV2", prefix, list_page, **options)
            yield page
            if not page.get("IsTruncated"):
                return
            options["ContinuationToken"] = page["NextContinuationToken"]

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; missing ones are no error."""
        pending = list(keys)
        for start in range(0, len(pending), DELETED_AT_ONCE):
            listed = [{"Key": self._connection.full(key)} for key in pending[start : start + DELETED_AT_ONCE]]
            await retried("DeleteObjects", pending[start], partial(self._delete, listed))

    async def _delete(self, listed: Any) -> None:
        deletion: Any = {"Objects": listed, "Quiet": True}
        response = await self._connection.s3.delete_objects(Bucket=self._connection.bucket, Delete=deletion)
        for failed in response.get("Errors", ()):
            if failed["Code"] != "NoSuchKey":
                raise S3Error("DeleteObjects", 500 if failed["Code"] == "InternalError" else 200, failed["Code"])

    async def presign(self, key: str, seconds: int, response: Mapping[str, str]) -> str:
        """Return a URL from which anybody can read the object for some seconds.

        `response`: `ResponseContentType` and other parameters of GetObject that set headers of the response.
        """
        return await self._connection.presigned(key, seconds, response)
