"""Rejected files and their reports."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiofiles
import aiofiles.os

from media_service.core.errors.service import StorageFull
from media_service.storage.data_folder import make_private_folder
from media_service.storage.local_content import LocalContent, content_of
from media_service.storage.os_errors import map_os_errors
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from media_service.core.files import Source

REPORT_SUFFIX = ".json"
FILE_SUFFIX = ".rejected"


class DiskQuarantine:
    """`core.ports.quarantine.Quarantine` in one folder: `<upload id>.rejected` and `<upload id>.json`.

    `partial_path` returns where the partial of an upload is, on the same file system.
    """

    def __init__(self, folder: Path, partial_path: Callable[[str], Path]) -> None:
        self._folder = folder
        self._partial_path = partial_path

    async def prepare(self) -> None:
        await make_private_folder(self._folder)

    async def add(self, upload_id: str, source: Source, report: Mapping[str, Any]) -> None:
        with map_os_errors():
            # On a full disk the report stays empty; the upload's row has the same information. Failing would make the
            # finalizer verify the file again and again.
            with suppress(StorageFull), map_os_errors():
                await self._write_report(upload_id, report)
            # A hard link: no copy, and no space on a full disk.
            with suppress(FileExistsError):
                await aiofiles.os.link(source.path, self.path(upload_id))
            await asyncio.to_thread(fsync_directory, self._folder)

    async def _write_report(self, upload_id: str, report: Mapping[str, Any]) -> None:
        async with aiofiles.open(self._report_path(upload_id), "w", encoding="utf-8") as file:
            await file.write(json.dumps(dict(report), ensure_ascii=False, indent=2, default=str) + "\n")
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())

    async def size(self, upload_id: str) -> int | None:
        with map_os_errors():
            try:
                return (await aiofiles.os.stat(self.path(upload_id))).st_size
            except FileNotFoundError:
                return None

    async def content(self, upload_id: str) -> LocalContent | None:
        path = self.path(upload_id)
        with map_os_errors():
            try:
                return content_of(path, await aiofiles.os.stat(path, follow_symlinks=False))
            except FileNotFoundError:
                return None

    def path(self, upload_id: str) -> Path:
        """Return where an upload's bytes are."""
        return self._folder / (upload_id + FILE_SUFFIX)

    def _report_path(self, upload_id: str) -> Path:
        return self._folder / (upload_id + REPORT_SUFFIX)

    async def restore(self, upload_id: str) -> None:
        target = self._partial_path(upload_id)
        with map_os_errors():
            with suppress(FileExistsError):
                await aiofiles.os.link(self.path(upload_id), target)
            await asyncio.to_thread(fsync_directory, target.parent)

    async def discard(self, upload_id: str) -> None:
        with map_os_errors():
            for path in (self.path(upload_id), self._report_path(upload_id)):
                with suppress(FileNotFoundError):
                    await aiofiles.os.unlink(path)

    async def purge(self, before: int) -> list[str]:
        with map_os_errors():
            return await asyncio.to_thread(self._purge, before * 1000)

    def _purge(self, before_ns: int) -> list[str]:
        old = [path for path in self._folder.glob("*" + REPORT_SUFFIX) if path.stat().st_mtime_ns < before_ns]
        for report in old:
            report.with_suffix(FILE_SUFFIX).unlink(missing_ok=True)
            report.unlink()
        return [report.stem for report in old]
