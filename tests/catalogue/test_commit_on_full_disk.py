"""The commit server on a full disk: it says so, loses nothing acknowledged, and uploads can end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media_service.catalogue import quotas, writes
from media_service.catalogue.sqlite.ballast import BALLAST_BYTES, RETRY_SECONDS
from media_service.catalogue.sqlite.migrate import migrate
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.core.upload_states import State
from tests.catalogue.commits import Connections, piece, sql, writing
from tests.catalogue.conftest import SCRIPTS
from tests.catalogue.samples import rows
from tests.core.samples import make_upload
from tests.storage.small_disk import on_small_disk

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from media_service.catalogue.sqlite.commit_client import CommitClient


async def record_on_full_disk(disk: Path) -> Any:
    path = disk / "catalogue.sqlite3"
    migrate(path, SCRIPTS)
    acknowledged: list[int] = []
    async with writing(Connections(path).open) as writer:
        await writer.execute(piece(6000, 6001))
        fill(disk / "ballast")
        slice_trouble = await trouble_of(record_many(writer, acknowledged))
        change_trouble = await trouble_of(writer.execute(sql("UPDATE uploads SET tags = hex(zeroblob(3000000))")))
        (disk / "ballast").unlink()
        await writer.execute(piece(5000, 5001))
    kept = [start for (start,) in rows(path, "SELECT start FROM slices ORDER BY start")]
    return {"slice": slice_trouble, "change": change_trouble, "kept": kept == [*acknowledged, 5000, 6000]}


async def record_many(writer: CommitClient, acknowledged: list[int]) -> None:
    for start in range(5000):
        await writer.execute(piece(start, start + 1))
        acknowledged.append(start)


async def trouble_of(acting: Awaitable[object]) -> str:
    try:
        await acting
    except (StorageFull, CatalogueError) as trouble:
        return trouble.code
    return ""


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_reported_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path / "disk", record_on_full_disk)
    assert seen["slice"] == "storage_full"
    assert seen["kept"]


def test_a_change_on_a_full_disk_is_reported(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", record_on_full_disk)["change"] == "storage_full"


async def end_on_full_disk(disk: Path) -> Any:
    """Create uploads, fill the disk, and end the uploads one by one and all at once."""
    path = disk / "catalogue.sqlite3"
    migrate(path, SCRIPTS)
    uploads = [make_upload(id=f"u{number}", state=State.CANCELLED) for number in range(300)]
    async with writing(Connections(path).open) as writer:
        for upload in uploads:
            await writer.execute(quotas.create(replace(upload, state=State.RECEIVING)))
        kept = disk / "catalogue.sqlite3.ballast"
        size = kept.stat().st_size
        fill(disk / "filler")
        slice_trouble = await trouble_of(_until_full(writer))
        there = kept.exists()
        for upload in uploads[:50]:
            await writer.execute(writes.save(upload))
        await asyncio.gather(*(writer.execute(writes.save(upload)) for upload in uploads[50:]))
        dropped = not kept.exists()
        (disk / "filler").unlink()
        await asyncio.sleep(RETRY_SECONDS + 0.5)
        await writer.execute(piece(1, 2))
    ended = rows(path, "SELECT count(*) FROM uploads WHERE state = 'cancelled'")
    return {
        "size": size,
        "slice": slice_trouble,
        "there": there,
        "dropped": dropped,
        "ended": ended,
        "again": kept.exists(),
    }


async def _until_full(writer: CommitClient) -> None:
    for number in range(5000):
        await writer.execute(quotas.create(make_upload(id=f"x{number}", tags={"comment": "x" * 8000})))


def test_uploads_can_end_on_a_full_disk_and_only_they_use_the_ballast(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path / "disk", end_on_full_disk, "24m")
    assert seen == {
        "size": BALLAST_BYTES,
        "slice": "storage_full",
        "there": True,
        "dropped": True,
        "ended": [[300]],
        "again": True,
    }
