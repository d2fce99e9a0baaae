"""A stored file of the local disk, to be sent to clients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiofiles

from media_service.storage.os_errors import map_os_errors

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalContent:
    """`core.content.Content` of a file."""

    path: Path
    size: int
    modified_ns: int

    @property
    def etag(self) -> str:
        # As aiohttp computes it for a file that it sends.
        return f"{self.modified_ns:x}-{self.size:x}"

    @property
    def modified(self) -> int:
        return self.modified_ns // 1000

    async def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        with map_os_errors():
            async with aiofiles.open(self.path, "rb", buffering=0) as file:
                if content_of(self.path, os.fstat(file.fileno())) != self:
                    raise FileNotFoundError(self.path)
                await file.seek(start)
                while start < stop and (piece := await file.read(min(PIECE_BYTES, stop - start))):
                    start += len(piece)
                    yield piece

    async def url(self, content_type: str, disposition: str) -> None:
        return None


def content_of(path: Path, status: os.stat_result) -> LocalContent:
    """Return the file at `path`, which has this status."""
    return LocalContent(path, status.st_size, status.st_mtime_ns)
