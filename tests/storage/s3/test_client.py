"""What the client promises, on real servers: bytes whole or not at all, and errors that say what to do."""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.core.errors.service import StorageError
from media_service.core.files import ObjectRange
from media_service.storage.s3.client import SIGNED_BYTES
from media_service.storage.s3.errors import BadDigest, NoSuchMultipart, PreconditionFailed
from media_service.storage.s3.http import FileRegion
from tests.storage.partials import open_files

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.storage.s3.client import S3Client

MIB = 1024 * 1024
BYTES = random.Random(1).randbytes(6 * MIB + 11)
SHA256 = hashlib.sha256(BYTES).digest()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


async def read(client: S3Client, key: str, start: int = 0, stop: int | None = None, **options: Any) -> bytes:
    async with aclosing(client.get(key, start, stop, **options)) as blocks:
        return b"".join([block async for block in blocks])


async def keys(client: S3Client, prefix: str) -> list[str]:
    return [found.key async for found in client.list_objects(prefix)]


@pytest.mark.parametrize("size", [0, 1, MIB, len(BYTES), SIGNED_BYTES, SIGNED_BYTES + 1])
async def test_object_has_the_bytes_that_were_put(client: S3Client, size: int) -> None:
    data = (BYTES * 3)[:size]
    etag = await client.put("spool/a", data, sha256(data), metadata={"sha256": sha256(data).hex()})
    assert await read(client, "spool/a") == data
    found = await client.head("spool/a")
    assert (found.size, found.etag, dict(found.metadata)) == (size, etag, {"sha256": sha256(data).hex()})


async def test_region_of_a_file_is_put(client: S3Client, tmp_path: Path) -> None:
    path = tmp_path / "scratch"
    path.write_bytes(BYTES)
    with path.open("rb") as file:
        await client.put("a", FileRegion(file.fileno(), 100, 3 * MIB), sha256(BYTES[100 : 3 * MIB]))
    assert await read(client, "a") == BYTES[100 : 3 * MIB]


@pytest.mark.parametrize("span", [(0, 1), (5, MIB), (3 * MIB, len(BYTES)), (7, 7)])
async def test_range_is_read(client: S3Client, span: tuple[int, int]) -> None:
    await client.put("a", BYTES, SHA256)
    assert await read(client, "a", *span) == BYTES[slice(*span)]
    assert await read(client, "a", span[0]) == BYTES[span[0] :]


async def test_name_of_any_characters_is_a_key(client: S3Client) -> None:
    name = "spool/일요일 밤 (2) +&=%20~'!é#?.mp3"
    await client.put(name, b"x", sha256(b"x"))
    assert await keys(client, "spool/") == [name]
    assert await read(client, name) == b"x"
    await client.delete([name])
    assert await keys(client, "") == []


@pytest.mark.parametrize("size", [0, len(BYTES), SIGNED_BYTES + 1])
async def test_other_bytes_than_those_of_the_digest_are_refused(client: S3Client, size: int) -> None:
    with pytest.raises(BadDigest):
        await client.put("a", bytes(size), sha256(b"other"))
    with pytest.raises(FileNotFoundError):
        await client.head("a")


async def test_refused_bytes_leave_those_of_before(client: S3Client) -> None:
    await client.put("a", b"before", sha256(b"before"))
    with pytest.raises(BadDigest):
        await client.put("a", BYTES, sha256(b"other"))
    assert await read(client, "a") == b"before"


async def test_file_that_became_shorter_leaves_no_object(client: S3Client, tmp_path: Path) -> None:
    path = tmp_path / "scratch"
    path.write_bytes(BYTES[:-1])
    with path.open("rb") as file, pytest.raises(StorageError):
        await client.put("a", FileRegion(file.fileno(), 0, len(BYTES)), SHA256)
    assert await keys(client, "") == []


async def test_missing_object_is_file_not_found(client: S3Client) -> None:
    with pytest.raises(FileNotFoundError):
        await client.head("a")
    with pytest.raises(FileNotFoundError):
        await read(client, "a")
    with pytest.raises(FileNotFoundError):
        await read(client, "a", 5, 10)
    await client.delete(["a", "b"])


async def test_range_after_the_end_is_an_error(client: S3Client) -> None:
    await client.put("a", b"short", sha256(b"short"))
    with pytest.raises(StorageError):
        await read(client, "a", 2, 10)
    with pytest.raises(StorageError):
        await read(client, "a", 10, 20)


async def test_another_object_than_the_expected_one_is_not_read(client: S3Client) -> None:
    etag = await client.put("a", b"one", sha256(b"one"))
    assert await read(client, "a", etag=etag) == b"one"
    await client.put("a", b"two", sha256(b"two"))
    with pytest.raises(PreconditionFailed):
        await read(client, "a", etag=etag)


async def test_existing_object_is_kept_if_the_new_one_must_be_the_first(client: S3Client) -> None:
    await client.put("a", b"one", sha256(b"one"), if_absent=True)
    with pytest.raises(PreconditionFailed):
        await client.put("a", b"two", sha256(b"two"), if_absent=True)
    assert await read(client, "a") == b"one"


async def test_objects_and_folders_are_listed_by_prefix(client: S3Client) -> None:
    names = ["uploads/a/0-1-x", "uploads/a/1-2-y", "uploads/b/0-1-x", "uploadsc"]
    for name in names:
        await client.put(name, b"x", sha256(b"x"))
    assert await keys(client, "uploads/") == names[:3]
    assert [name async for name in client.list_folders("uploads/")] == ["a", "b"]
    assert [name async for name in client.list_folders("nothing/")] == []


async def test_more_objects_than_a_page_are_listed_and_deleted(client: S3Client) -> None:
    names = [f"many/{number:04}" for number in range(1005)]
    for start in range(0, len(names), 40):
        await asyncio.gather(*(client.put(name, b"", sha256(b"")) for name in names[start : start + 40]))
    assert await keys(client, "many/") == names
    await client.delete(names)
    assert await keys(client, "many/") == []


async def test_object_is_made_of_parts_and_ranges_of_others(client: S3Client) -> None:
    await client.put("source", BYTES, SHA256)
    parts = client.multiparts
    upload_id = await parts.create("made", metadata={"upload": "u1"}, content_type="audio/mpeg")
    assert [found.key async for found in parts.list("ma")] == ["made"]
    assert [found.key async for found in parts.list("other/")] == []
    head = BYTES[: 5 * MIB]
    etags = [
        await parts.put_part("made", upload_id, 1, head, sha256(head)),
        await parts.copy_part("made", upload_id, 2, ObjectRange("source", 0, 6 * MIB)),
        await parts.put_part("made", upload_id, 3, b"tail", sha256(b"tail")),
    ]
    await parts.complete("made", upload_id, etags)
    assert await read(client, "made") == head + BYTES[: 6 * MIB] + b"tail"
    found = await client.head("made")
    assert dict(found.metadata) == {"upload": "u1"}
    assert [found.key async for found in parts.list("")] == []


async def test_part_of_other_bytes_than_those_of_the_digest_is_refused(client: S3Client) -> None:
    upload_id = await client.multiparts.create("made", metadata={})
    with pytest.raises(BadDigest):
        await client.multiparts.put_part("made", upload_id, 1, BYTES, sha256(b"other"))
    await client.multiparts.abort("made", upload_id)


async def test_aborted_upload_is_not_completed_and_can_be_aborted_again(client: S3Client) -> None:
    upload_id = await client.multiparts.create("made", metadata={})
    for _ in range(2):
        await client.multiparts.abort("made", upload_id)
    with pytest.raises(NoSuchMultipart):
        await client.multiparts.complete("made", upload_id, ['"0123"'])
    assert [found.key async for found in client.multiparts.list("")] == []


async def test_part_is_not_copied_from_another_object_than_the_expected_one(client: S3Client) -> None:
    etag = await client.put("source", b"one", sha256(b"one"))
    await client.put("source", b"two", sha256(b"two"))
    upload_id = await client.multiparts.create("made", metadata={})
    with pytest.raises(PreconditionFailed):
        await client.multiparts.copy_part("made", upload_id, 1, ObjectRange("source", 0, 3), etag=etag)
    with pytest.raises(FileNotFoundError):
        await client.multiparts.copy_part("made", upload_id, 1, ObjectRange("missing", 0, 3))
    await client.multiparts.abort("made", upload_id)


async def test_presigned_url_is_read_without_credentials(client: S3Client) -> None:
    await client.put("일 a.mp3", BYTES, SHA256)
    headers = {"ResponseContentType": "audio/mpeg", "ResponseContentDisposition": "attachment; filename*=UTF-8''a.mp3"}
    url = await client.presign("일 a.mp3", 60, headers)
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers={"Range": "bytes=5-9"}) as response:
            assert (response.status, await response.read()) == (206, BYTES[5:10])
            assert response.content_type == "audio/mpeg"
            assert response.headers["Content-Disposition"] == headers["ResponseContentDisposition"]
        async with session.get(url.partition("?")[0]) as response:
            assert response.status == 403


async def test_no_file_stays_open(client: S3Client) -> None:
    await client.put("a", BYTES, SHA256)
    assert await read(client, "a") == BYTES
    before = open_files()
    for _ in range(5):
        async with aclosing(client.get("a")) as blocks:
            async for _ in blocks:
                break
    assert open_files() <= before
