"""Results of the sync server, as return values and errors of the core."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.ipc.client import ConnectionLost
from media_service.storage.os_errors import error_from_errno

if TYPE_CHECKING:
    import asyncio


def result_of(call: asyncio.Future[bytes | int | None]) -> bytes | None:
    """Return the result of a finished call. Raise StorageFull or StorageError for an errno or a lost connection."""
    try:
        result = call.result()
    except ConnectionLost as lost:
        raise StorageError from lost
    if isinstance(result, int):
        raise error_from_errno(result) from OSError(result, os.strerror(result))
    return result
