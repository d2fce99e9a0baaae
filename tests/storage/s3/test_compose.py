"""Objects made of others, on real servers: whole, in order, once, and nothing left of what failed."""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.core.files import ObjectRange
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.compose import compose
from media_service.storage.s3.errors import PreconditionFailed
from media_service.storage.s3.new_object import NewObject
from tests.storage.s3.relay import Relay

if TYPE_CHECKING:
    from tests.support.s3 import Bucket

MIB = 1024 * 1024
BYTES = random.Random(2).randbytes(12 * MIB)
NEW = NewObject(key="made", metadata={"sha256": "00"}, content_type="audio/mpeg")


async def read(client: S3Client, key: str) -> bytes:
    async with aclosing(client.get(key)) as blocks:
        return b"".join([block async for block in blocks])


async def put(client: S3Client, key: str, data: bytes) -> ObjectRange:
    await client.put(key, data, hashlib.sha256(data).digest())
    return ObjectRange(key, 0, len(data))


async def everything(client: S3Client) -> tuple[list[str], list[str]]:
    """Return the keys of objects and of unfinished multipart uploads."""
    objects = [found.key async for found in client.list_objects("")]
    return objects, [found.key async for found in client.multiparts.list("")]


@pytest.mark.parametrize(
    "cuts",
    [
        [0, 100],
        [0, 3 * MIB, 5 * MIB],
        [7, 6 * MIB, 12 * MIB],
        [300, 8 * MIB, 12 * MIB],
        [5, 6, 7, 8, 9 * MIB, 12 * MIB],
    ],
)
async def test_pieces_are_joined_in_order(client: S3Client, cuts: list[int]) -> None:
    pieces: list[bytes | ObjectRange] = [b"TAG" * 1000]
    for start, stop in pairwise(cuts):
        pieces.append(await put(client, f"uploads/a/{start}", BYTES[start:stop]))
    await compose(client, NEW, [*pieces, b"tail"])
    assert await read(client, "made") == b"TAG" * 1000 + BYTES[cuts[0] : cuts[-1]] + b"tail"
    found = await client.head("made")
    assert dict(found.metadata) == NEW.metadata
    assert (await everything(client))[1] == []


async def test_object_of_nothing_is_empty(client: S3Client) -> None:
    await compose(client, NEW, [b"", ObjectRange("missing", 3, 3)])
    assert await read(client, "made") == b""


async def test_large_head_is_sent_and_nothing_else(client: S3Client) -> None:
    source = await put(client, "source", BYTES)
    await compose(client, NEW, [BYTES[: 11 * MIB], source])
    assert await read(client, "made") == BYTES[: 11 * MIB] + BYTES


@pytest.mark.parametrize("size", [100, 6 * MIB])
async def test_missing_source_is_file_not_found_and_leaves_nothing(client: S3Client, size: int) -> None:
    source = await put(client, "source", BYTES)
    with pytest.raises(FileNotFoundError):
        await compose(client, NEW, [source, b"x", ObjectRange("missing", 0, size), b"x", source])
    assert await everything(client) == (["source"], [])


async def test_short_source_is_an_error_and_leaves_nothing(client: S3Client) -> None:
    await put(client, "source", BYTES)
    with pytest.raises(StorageError):
        await compose(client, NEW, [b"x", ObjectRange("source", 0, len(BYTES) + 1), b"y"])
    assert await everything(client) == (["source"], [])


@pytest.mark.parametrize("size", [100, 6 * MIB])
async def test_one_of_many_that_must_be_the_first_is_made(client: S3Client, size: int) -> None:
    source = await put(client, "source", BYTES[:size])

    async def make(number: int) -> bool:
        new = NewObject(key="made", metadata={"number": str(number)}, if_absent=True)
        try:
            await compose(client, new, [b"%d" % number, source])
        except PreconditionFailed:
            return False
        return True

    made = await asyncio.gather(*map(make, range(5)))
    assert sorted(made) == [False] * 4 + [True]
    assert await read(client, "made") == b"%d" % made.index(True) + BYTES[:size]
    assert await everything(client) == (["made", "source"], [])


@pytest.mark.parametrize("size", [100, 6 * MIB])
async def test_only_the_expected_object_is_replaced(client: S3Client, size: int) -> None:
    source = await put(client, "source", BYTES[:size])
    await put(client, "made", b"first")
    etag = (await client.head("made")).etag
    new = NewObject(key="made", metadata={"version": "2"}, if_match=etag)
    await compose(client, new, [source])
    assert await read(client, "made") == BYTES[:size]
    with pytest.raises(PreconditionFailed):
        await compose(client, NewObject(key="made", metadata={"version": "3"}, if_match=etag), [source])
    await client.delete(["made"])
    with pytest.raises(FileNotFoundError):
        await compose(client, new, [source])
    assert await everything(client) == (["source"], [])


@pytest.mark.parametrize("size", [100, 6 * MIB])
async def test_making_what_was_made_already_succeeds(client: S3Client, size: int) -> None:
    source = await put(client, "source", BYTES[:size])
    new = NewObject(key="made", metadata={"sha256": "00"}, if_absent=True)
    for _ in range(2):
        await compose(client, new, [source])
    assert await everything(client) == (["made", "source"], [])


async def test_cancelled_composition_leaves_nothing(client: S3Client) -> None:
    source = await put(client, "source", BYTES)
    for delay in (0.005, 0.02, 0.05):
        task = asyncio.create_task(compose(client, NEW, [b"x", source, b"y", source]))
        await asyncio.sleep(delay)
        if task.cancel():
            with pytest.raises(asyncio.CancelledError):
                await task
        await client.delete(["made"])
        assert (await everything(client))[0] == ["source"]


async def test_tagging_a_large_file_sends_little_of_it(bucket: Bucket) -> None:
    location = bucket.location()
    async with S3Client(location) as client, Relay(bucket.endpoint) as relay:
        slices = [await put(client, f"uploads/a/{number}", BYTES[: 8 * MIB]) for number in range(8)]
        first = ObjectRange(slices[0].key, 1000, slices[0].stop)
        async with S3Client(replace(location, endpoint=relay.endpoint)) as tagging:
            await compose(tagging, NEW, [b"T" * 4096, first, *slices[1:]])
        assert relay.bytes_up < 9 * MIB
        assert (await client.head("made")).size == 4096 + 64 * MIB - 1000
