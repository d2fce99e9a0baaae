"""Names in folders, made durable. It knows the operating system alone, so the process aside may use it too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def fsync_directory(folder: Path | bytes) -> None:
    """Makes the names in a folder durable: without it a power cut may forget a new or renamed file. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
