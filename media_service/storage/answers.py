"""What the process aside answers, as ours: its numbers of errors become troubles."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from media_service.aside.line import LineBroken
from media_service.core.errors.service import StorageError
from media_service.storage.border import trouble_of

if TYPE_CHECKING:
    import asyncio


def outcome(asking: asyncio.Future[bytes | int | None]) -> bytes | None:
    """What was answered. Raises StorageFull, StorageError; also where the process died: nobody knows what it did."""
    try:
        answer = asking.result()
    except LineBroken as broken:
        raise StorageError from broken
    if isinstance(answer, int):
        raise trouble_of(answer) from OSError(answer, os.strerror(answer))
    return answer
