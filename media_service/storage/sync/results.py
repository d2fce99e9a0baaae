"""What the process aside answers, as ours: its numbers of errors become troubles."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.ipc.client import ConnectionLost
from media_service.storage.os_errors import trouble_of

if TYPE_CHECKING:
    import asyncio


def outcome(asking: asyncio.Future[bytes | int | None]) -> bytes | None:
    """What was answered. Raises StorageFull, StorageError; also where the process died: nobody knows what it did."""
    try:
        respond = asking.result()
    except ConnectionLost as broken:
        raise StorageError from broken
    if isinstance(respond, int):
        raise trouble_of(respond) from OSError(respond, os.strerror(respond))
    return respond
