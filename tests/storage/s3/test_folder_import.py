"""What of a data folder becomes which objects, on both servers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.core.upload import Slice
from media_service.storage.data_folder import DataFolder
from media_service.storage.s3 import put_region
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.errors import StoreUnusable
from media_service.storage.s3.folder_import import CLAIM, FolderImport, is_claimed
from media_service.storage.s3.http import FileRegion
from media_service.storage.s3.new_object import NewObject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.storage.s3.location import S3Location

MIB = 1024 * 1024


@dataclass
class Upload:
    id: str
    is_complete: bool = False
    length: int | None = None
    slices: list[Slice] = field(default_factory=list)


@dataclass
class FakeRows:
    uploads: Sequence[Upload] = ()
    digests: dict[str, bytes] = field(default_factory=dict)

    def unfinished(self) -> Sequence[Upload]:
        return self.uploads

    def digest_of(self, file_id: str) -> bytes | None:
        return self.digests.get(file_id)

    def stored_digest(self, name: str) -> bytes | None:
        return self.digests.get(name)


def write(path: Path, content: bytes) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


async def move(location: S3Location, folder: DataFolder, rows: FakeRows, identity: str = "mine") -> list[int]:
    """Move everything; return the bytes that were reported."""
    done: list[int] = []
    async with S3Client(location) as client:
        files = FolderImport(client, folder, rows, identity)
        await files.claim()
        await files.move(done.append)
        assert sum(done) == files.total_bytes()
        return done


async def stored(location: S3Location) -> dict[str, bytes]:
    async with S3Client(location) as client:
        keys = [found.key async for found in client.list_objects("") if found.key != CLAIM]
        return {key: b"".join([block async for block in client.get(key)]) for key in keys}


async def test_every_kind_of_file_has_its_key(location: S3Location, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    bytes_ = write(tmp_path / "partials" / "a.partial", b"0123456789scratch")
    write(tmp_path / "partials" / "b.partial", b"restored and scratch")
    write(tmp_path / "partials" / "ended.partial", b"left by a crash")
    write(tmp_path / "spool" / "mp3" / "show.mp3", b"show")
    write(tmp_path / "spool" / ".incoming" / "b", b"assembled")
    write(tmp_path / "spool" / ".incoming" / "a", b"left by a crash")
    write(tmp_path / "spool" / "trash" / "f.mp3", b"thrown away")
    write(tmp_path / "quarantine" / "r.rejected", b"bad")
    write(tmp_path / "quarantine" / "r.json", b"{}\n")
    (tmp_path / "spool" / "mp3" / "link.mp3").symlink_to("/etc/passwd")
    slices = [Slice(0, 4, hashlib.sha256(b"0123").digest()), Slice(4, 10), Slice(10, 99)]
    rows = FakeRows([Upload("a", slices=slices), Upload("b", True, 8), Upload("gone", slices=[Slice(0, 1)])])
    await move(location, folder, rows)
    assert await stored(location) == {
        "uploads/a/0-4-migrated": bytes_[:4],
        "uploads/a/4-10-migrated": bytes_[4:10],
        "uploads/b/whole-restored": b"restored",
        "incoming/b": b"assembled",
        "spool/show.mp3": b"show",
        "trash/f": b"thrown away",
        "quarantine/r": b"bad",
        "quarantine/r.json": b"{}\n",
    }
    async with S3Client(location) as client:
        assert (await client.head("incoming/b")).metadata["assembled-as"] == "b"
        assert (await client.head("spool/show.mp3")).metadata == {"sha256": hashlib.sha256(b"show").hexdigest()}


async def test_a_repeated_run_sends_what_changed_and_deletes_what_is_gone(location: S3Location, tmp_path: Path) -> None:
    folder, mp3 = DataFolder(tmp_path), tmp_path / "spool" / "mp3"
    rows = FakeRows(digests={"same.mp3": hashlib.sha256(b"same").digest()})
    for name in ("same", "edited", "gone"):
        write(mp3 / f"{name}.mp3", name.encode())
    await move(location, folder, rows)
    async with S3Client(location) as client:
        before = {found.key: found.etag async for found in client.list_objects("")}
    (mp3 / "gone.mp3").unlink()
    write(mp3 / "edited.mp3", b"retagged")
    await move(location, folder, rows)
    assert await stored(location) == {"spool/same.mp3": b"same", "spool/edited.mp3": b"retagged"}
    async with S3Client(location) as client:
        assert (await client.head("spool/same.mp3")).etag == before["spool/same.mp3"]


async def test_a_store_with_other_objects_or_of_another_folder_is_refused(location: S3Location, tmp_path: Path) -> None:
    folder, rows = DataFolder(tmp_path), FakeRows()
    await move(location, folder, rows)
    with pytest.raises(StoreUnusable, match="another installation"):
        await move(location, folder, rows, "theirs")
    async with S3Client(location) as client:
        assert await is_claimed(client)
        await FolderImport(client, folder, rows, "mine").end()
        assert not await is_claimed(client)
        await client.put("spool/x.mp3", b"x", hashlib.sha256(b"x").digest())
    with pytest.raises(StoreUnusable, match=r"such as spool/x\.mp3"):
        await move(location, folder, rows)


async def test_large_files_are_sent_in_parts_and_compared(
    location: S3Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(put_region, "PART_BYTES", 5 * MIB)
    whole = write(tmp_path / "spool" / "mp3" / "long.mp3", b"0123456789abcdef" * (12 * MIB // 16) + b"end")
    done = await move(location, DataFolder(tmp_path), FakeRows())
    assert done == [5 * MIB, 5 * MIB, 2 * MIB + 3]
    assert await stored(location) == {"spool/long.mp3": whole}
    async with S3Client(location) as client:
        with (tmp_path / "spool" / "mp3" / "long.mp3").open("rb") as file:
            region = FileRegion(file.fileno(), 0, len(whole))
            other = hashlib.sha256(b"the file before it was changed").digest()
            with pytest.raises(StorageError):
                await put_region.put_region(client, NewObject(key="spool/changed.mp3"), region, other, done.append)
        assert [found.key async for found in client.multiparts.list("")] == []
    assert list(await stored(location)) == ["spool/long.mp3"]
