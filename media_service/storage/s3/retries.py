"""Repeat requests whose failure may pass: no connection, a busy server, one that is being restarted."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from media_service.core.errors.service import StorageError
from media_service.storage.s3.errors import S3Error, is_passing, mapped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

DELAYS_SECONDS = (0.1, 0.3, 0.9, 1.8)
"""Before the second and the following attempts; longer outages are left to clients, who get 503 with Retry-After."""

CONNECTION_ERRORS = (aiohttp.ClientError, ConnectionError, TimeoutError)
_FAILURES = (*CONNECTION_ERRORS, BotoCoreError, ClientError, S3Error)

_log = logging.getLogger(__name__)


async def retried(operation: str, key: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what the attempt returns, after up to four repeats.

    Raise FileNotFoundError, BadDigest, NoSuchMultipart, PreconditionFailed; StorageFull, StorageError.
    """
    for delay in (*DELAYS_SECONDS, None):
        try:
            return await attempt()
        except ParamValidationError:
            raise
        except _FAILURES as failure:
            error = _from_botocore(operation, failure) if isinstance(failure, ClientError) else failure
        if isinstance(error, S3Error) and not is_passing(error):
            raise _reported(mapped(error, key), error) from error
        if delay is not None:
            # Random, because nodes that lost the server at the same moment would come back to it at the same moment.
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311  # nothing secret depends on it
    raise _reported(StorageError(), error) from error


def _from_botocore(operation: str, error: ClientError) -> S3Error:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return S3Error(operation, status, error.response.get("Error", {}).get("Code", ""))


def _reported(raised: Exception, cause: Exception) -> Exception:
    """Log why the service fails, since its clients only see that it does; return the exception to raise."""
    if isinstance(raised, StorageError):
        _log.error("the object store failed: %s: %s", type(cause).__name__, cause)
    return raised
