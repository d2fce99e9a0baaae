"""Multipart uploads: objects that are made of parts, sent or copied inside of the store."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from media_service.core.errors.service import StorageError
from media_service.storage.s3.errors import NoSuchMultipart
from media_service.storage.s3.retries import retried
from media_service.storage.s3.times import microseconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from media_service.core.files import ObjectRange
    from media_service.storage.s3.connection import S3Connection
    from media_service.storage.s3.http import Body


@dataclass(frozen=True, slots=True)
class Multipart:
    """A multipart upload that is neither completed nor aborted; `begun` in UTC microseconds."""

    key: str
    upload_id: str
    begun: int


class Multiparts:
    """Multipart uploads of one bucket. Methods raise StorageError and StorageFull besides what they name."""

    def __init__(self, connection: S3Connection) -> None:
        self._connection = connection

    async def create(
        self, key: str, *, metadata: Mapping[str, str], content_type: str = "application/octet-stream"
    ) -> str:
        """Begin an object; return the id of its upload. A repeated attempt may leave another one, which is listed."""
        create = self._connection.s3.create_multipart_upload
        created = await self._connection.call(
            "CreateMultipartUpload", key, create, Metadata=metadata, ContentType=content_type
        )
        return created["UploadId"]

    async def put_part(self, key: str, upload_id: str, number: int, body: Body, sha256: bytes) -> str:
        """Send a part; return its ETag. Raise BadDigest, NoSuchMultipart."""
        # Without `x-amz-checksum-sha256`, which Amazon takes only if all parts have one; copied ones have none. The
        # signature has the digest, so the server still refuses other bytes.
        query = urlencode({"partNumber": number, "uploadId": upload_id})
        http, url = self._connection.http, f"{self._connection.url(key)}?{query}"
        return await retried("UploadPart", key, lambda: http.put("UploadPart", url, {}, body, sha256.hex()))

    async def copy_part(self, key: str, upload_id: str, number: int, source: ObjectRange, *, etag: str = "") -> str:
        """Copy bytes of another object inside of the store; return the part's ETag.

        With an `etag` only from the object that has it. Raise FileNotFoundError, PreconditionFailed, NoSuchMultipart.
        """
        condition = {"CopySourceIfMatch": etag} if etag else {}
        copied = await self._connection.call(
            "UploadPartCopy",
            key,
            self._connection.s3.upload_part_copy,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": self._connection.bucket, "Key": self._connection.full(source.key)},
            CopySourceRange=f"bytes={source.start}-{source.stop - 1}",
            **condition,
        )
        return copied["CopyPartResult"]["ETag"]

    async def complete(
        self, key: str, upload_id: str, etags: Sequence[str], *, if_absent: bool = False, if_match: str = ""
    ) -> bool:
        """Make the object of its parts, numbered from 1 in the order of their ETags, on a condition if one is given.

        Return whether it is there for certain. If not, an attempt whose response was lost may have made it or may still
        be making it, whatever the next one got: a success from versitygw, even if that was killed and makes nothing any
        more, and from others that there is no such upload. A success without an ETag may be that of a proxy.
        Raise PreconditionFailed, NoSuchMultipart, FileNotFoundError if there is none that could match; StorageError. If
        an attempt did it and its response was lost, the next one raises the first of these too, on some servers.
        """
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        condition = ({"IfNoneMatch": "*"} if if_absent else {}) | ({"IfMatch": if_match} if if_match else {})
        attempts = 0

        async def complete(**target: Any) -> bool:
            nonlocal attempts
            attempts += 1
            return bool((await self._connection.s3.complete_multipart_upload(**target)).get("ETag"))

        target: dict[str, Any] = {"UploadId": upload_id, "MultipartUpload": {"Parts": parts}, **condition}
        try:
            has_etag = await self._connection.call("CompleteMultipartUpload", key, complete, **target)
        except (NoSuchMultipart, StorageError):
            if attempts == 1:
                raise
            return False
        return has_etag and attempts == 1

    async def abort(self, key: str, upload_id: str) -> None:
        """Delete the parts; a completed or aborted upload is no error."""
        abort = self._connection.s3.abort_multipart_upload
        with suppress(NoSuchMultipart):
            await self._connection.call("AbortMultipartUpload", key, abort, UploadId=upload_id)

    async def list(self, prefix: str) -> AsyncGenerator[Multipart, None]:
        """Yield the multipart uploads of keys that begin with the prefix."""
        list_page = self._connection.s3.list_multipart_uploads
        marker: dict[str, str] = {}
        while True:
            page = await self._connection.call("ListMultipartUploads", prefix, list_page, **marker)
            for found in page.get("Uploads", ()):
                begun = microseconds(found["Initiated"])
                yield Multipart(self._connection.short(found["Key"]), found["UploadId"], begun)
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
