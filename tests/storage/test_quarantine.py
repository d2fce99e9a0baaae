"""Quarantine on a full disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from media_service.core.files import Source
from media_service.storage.quarantine import DiskQuarantine
from tests.storage.small_disk import on_small_disk

if TYPE_CHECKING:
    from pathlib import Path

REPORT = {"upload": "a", "code": "not_mp3", "reason": "글이다"}


async def add_on_full_disk(disk: Path) -> Any:
    quarantine = DiskQuarantine(disk / "quarantine", disk.joinpath)
    await quarantine.prepare()
    source = disk / "a.partial"
    room = os.statvfs(disk)
    source.write_bytes(bytes((room.f_bavail - 4) * room.f_frsize))
    await quarantine.add("a", Source(source), REPORT)
    return (disk / "quarantine" / "a.rejected").stat().st_size == source.stat().st_size


def test_rejected_file_takes_no_space_on_a_full_disk(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", add_on_full_disk) is True
