"""Rejected files with their reports, kept for a while so that a person can look at what came."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiofiles
import aiofiles.os

from media_service.core.errors.service import StorageFull
from media_service.storage.os_errors import make_private_folder, map_os_errors
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORT = ".json"
BYTES = ".rejected"


class DiskQuarantine:
    """`core.ports.quarantine.Quarantine` in one folder: `<upload id>.rejected` and `<upload id>.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def prepare(self) -> None:
        """Makes the folder."""
        await make_private_folder(self._folder)

    async def add(self, upload_id: str, source: Path, report: Mapping[str, Any]) -> None:
        """Keeps the source's bytes and the report, durably; the source stays. May be repeated.

        On a full disk the report is empty, since the upload's row says the same: a file that cannot be rejected would
        stay to be verified again and again.
        """
        with map_os_errors():
            with suppress(StorageFull), map_os_errors():
                await self._write_report(upload_id, report)
            # A second name for the same bytes costs nothing, and takes no room on a full disk.
            with suppress(FileExistsError):
                await aiofiles.os.link(source, self._folder / (upload_id + BYTES))
            await asyncio.to_thread(fsync_directory, self._folder)

    async def _write_report(self, upload_id: str, report: Mapping[str, Any]) -> None:
        async with aiofiles.open(self._folder / (upload_id + REPORT), "w", encoding="utf-8") as file:
            await file.write(json.dumps(dict(report), ensure_ascii=False, indent=2, default=str) + "\n")
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())

    async def size(self, upload_id: str) -> int | None:
        """How many bytes of the upload are kept; None when nothing is."""
        with map_os_errors():
            try:
                return (await aiofiles.os.stat(self.path(upload_id))).st_size
            except FileNotFoundError:
                return None

    def path(self, upload_id: str) -> Path:
        """Where the kept bytes are, for reading."""
        return self._folder / (upload_id + BYTES)

    async def restore(self, upload_id: str, target: Path) -> None:
        """Puts the kept bytes to `target` too, durably; they stay. May be repeated. Raises FileNotFoundError."""
        with map_os_errors():
            with suppress(FileExistsError):
                await aiofiles.os.link(self.path(upload_id), target)
            await asyncio.to_thread(fsync_directory, target.parent)

    async def discard(self, upload_id: str) -> None:
        """Deletes the bytes and the report. What is not there is no error."""
        with map_os_errors():
            for path in (self.path(upload_id), self._folder / (upload_id + REPORT)):
                with suppress(FileNotFoundError):
                    await aiofiles.os.unlink(path)

    async def purge(self, before: int) -> list[str]:
        """Deletes what was taken before that time (UTC microseconds) and says of which uploads."""
        with map_os_errors():
            return await asyncio.to_thread(self._purge, before * 1000)

    def _purge(self, before_ns: int) -> list[str]:
        old = [path for path in self._folder.glob("*" + REPORT) if path.stat().st_mtime_ns < before_ns]
        for report in old:
            report.with_suffix(BYTES).unlink(missing_ok=True)
            report.unlink()
        return [report.stem for report in old]
