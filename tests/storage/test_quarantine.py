"""Rejected files and their reports."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.storage.quarantine import DiskQuarantine
from tests.storage.small_disk import on_small_disk

if TYPE_CHECKING:
    from pathlib import Path

REPORT = {"upload": "a", "code": "not_mp3", "reason": "글이다"}
DAY = 86_400_000_000


@pytest_asyncio.fixture
async def quarantine(tmp_path: Path) -> DiskQuarantine:
    """Return a quarantine in an empty folder."""
    quarantine = DiskQuarantine(tmp_path / "quarantine")
    await quarantine.prepare()
    return quarantine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "quarantine"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(b"no music")
    return path


def age(path: Path, taken: int) -> None:
    os.utime(path, ns=(taken * 1000, taken * 1000))


async def test_bytes_and_report_are_kept_and_the_source_stays(
    quarantine: DiskQuarantine, folder: Path, source: Path
) -> None:
    await quarantine.add("a", source, REPORT)
    assert (folder / "a.rejected").read_bytes() == source.read_bytes() == b"no music"
    assert json.loads((folder / "a.json").read_text("utf-8")) == REPORT


async def test_the_bytes_outlive_their_partial(quarantine: DiskQuarantine, folder: Path, source: Path) -> None:
    await quarantine.add("a", source, REPORT)
    source.unlink()
    assert (folder / "a.rejected").read_bytes() == b"no music"


async def test_adding_twice_replaces_the_report(quarantine: DiskQuarantine, folder: Path, source: Path) -> None:
    await quarantine.add("a", source, REPORT)
    await DiskQuarantine(folder).add("a", source, REPORT | {"code": "too_costly"})
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.rejected"]
    assert json.loads((folder / "a.json").read_text("utf-8"))["code"] == "too_costly"


async def test_missing_source_is_file_not_found(quarantine: DiskQuarantine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await quarantine.add("a", tmp_path / "missing", REPORT)


async def test_report_may_contain_values_without_a_json_type(
    quarantine: DiskQuarantine, folder: Path, source: Path
) -> None:
    await quarantine.add("a", source, {"path": source})
    assert json.loads((folder / "a.json").read_text("utf-8")) == {"path": str(source)}


async def test_purge_deletes_only_older_entries(quarantine: DiskQuarantine, folder: Path, source: Path) -> None:
    for upload_id, taken in (("old", DAY), ("new", 3 * DAY)):
        await quarantine.add(upload_id, source, REPORT)
        age(folder / f"{upload_id}.json", taken)
    assert await quarantine.purge(2 * DAY) == ["old"]
    assert sorted(path.name for path in folder.iterdir()) == ["new.json", "new.rejected"]
    assert await quarantine.purge(2 * DAY) == []


async def test_report_without_its_file_is_purged(quarantine: DiskQuarantine, folder: Path) -> None:
    (folder / "a.json").write_text("{}")
    age(folder / "a.json", DAY)
    assert await quarantine.purge(2 * DAY) == ["a"]
    assert list(folder.iterdir()) == []


async def add_on_full_disk(disk: Path) -> Any:
    quarantine = DiskQuarantine(disk / "quarantine")
    await quarantine.prepare()
    source = disk / "a.partial"
    room = os.statvfs(disk)
    source.write_bytes(bytes((room.f_bavail - 4) * room.f_frsize))
    await quarantine.add("a", source, REPORT)
    return (disk / "quarantine" / "a.rejected").stat().st_size == source.stat().st_size


def test_rejected_file_takes_no_space_on_a_full_disk(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", add_on_full_disk) is True
