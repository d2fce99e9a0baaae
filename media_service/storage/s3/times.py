"""Times of the object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def microseconds(time: datetime) -> int:
    """Return UTC microseconds; servers tell whole seconds."""
    return int(time.timestamp()) * 1_000_000
