"""What an S3 server refuses, and what it fails at: its error codes as exceptions."""

from __future__ import annotations

import errno

from media_service.core.errors.service import StorageError, StorageFull


class BadDigest(Exception):
    """The server received other bytes than those of the digest."""


class NoSuchMultipart(Exception):
    """The multipart upload was completed or aborted, or never existed."""


class PreconditionFailed(Exception):
    """The object is not the one that the condition names, or it exists and must not."""


class StoreUnusable(Exception):
    """The bucket cannot be used with this configuration; the message says why, in one line."""


class S3Error(Exception):
    """An error response, before `mapped` says what it means here."""

    def __init__(self, operation: str, status: int, code: str) -> None:
        super().__init__(f"{operation}: {status} {code}")
        self.operation, self.status, self.code = operation, status, code


_MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
"""A response to HEAD has no body, so botocore reports its status as the code."""

_WRONG_DIGEST = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
_FULL = frozenset({"InsufficientStorage", "QuotaExceeded", "StorageFull", "XMinioStorageFull"})
_CONDITION = frozenset({"PreconditionFailed", "412"})
_PASSING = frozenset(
    {
        # Without a body, or with one that was cut: the connection broke.
        *("IncompleteBody", "RequestTimeout"),
        # Two conditional writes at once; Amazon asks to send it again.
        *("ConditionalRequestConflict", "OperationAborted"),
        *("SlowDown", "TooManyRequests", "429"),
    }
)


def is_passing(error: S3Error) -> bool:
    """Return whether the same request may succeed in a moment."""
    return error.code in _PASSING or (error.status >= 500 and error.status != 507 and error.code not in _FULL)


def mapped(error: S3Error, key: str) -> Exception:
    """Return the exception that callers handle."""
    if error.code in _MISSING:
        return FileNotFoundError(errno.ENOENT, "no such object", key)
    if error.code == "NoSuchUpload":
        return NoSuchMultipart(key)
    if error.code in _WRONG_DIGEST:
        return BadDigest(key)
    if error.code in _CONDITION:
        return PreconditionFailed(key)
    return StorageFull() if error.code in _FULL or error.status == 507 else StorageError()
