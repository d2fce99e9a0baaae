"""Suite of `core.ports.upload_store`: what a store of partials promises besides."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.contracts.upload_store.adapters import PARTIALS, begun, fetched, locked, send

if TYPE_CHECKING:
    from media_service.core.ports.upload_store import UploadStore

MIB = 1024 * 1024

pytestmark = pytest.mark.parametrize("adapter", PARTIALS, indirect=True)


async def test_new_partial_has_its_length(store: UploadStore) -> None:
    await store.create("a", 3000)
    assert await fetched(store, "a") == bytes(3000)


async def test_partial_of_unknown_length_starts_empty_and_grows(store: UploadStore) -> None:
    await store.create("a", None)
    assert await fetched(store, "a") == b""
    await send(store, "a", 5, b"five")
    assert await fetched(store, "a") == bytes(5) + b"five"


async def test_without_a_partial_there_is_no_writer(store: UploadStore) -> None:
    assert await store.begin("a", 0, 1) is None
    with pytest.raises(FileNotFoundError):
        await store.trim("a", 0)
    with pytest.raises(FileNotFoundError):
        await store.sync_all("a")
    await store.discard("a")


async def test_deleted_partial_has_no_writer(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    await send(store, "a", 0, b"1")
    await other.discard("a")
    assert await store.begin("a", 0, 1) is None


async def test_replaced_partial_gets_the_bytes(store: UploadStore, other: UploadStore) -> None:
    await store.create("a", 10)
    await send(store, "a", 0, b"1")
    await other.discard("a")
    await other.create("a", 3)
    await send(store, "a", 1, b"2")
    assert await fetched(store, "a") == b"\x002\x00"


async def test_existing_partial_is_not_overwritten_by_create(store: UploadStore) -> None:
    await store.create("a", 4)
    await send(store, "a", 0, b"here")
    with pytest.raises(FileExistsError):
        await store.create("a", 4)
    assert await fetched(store, "a") == b"here"


async def test_trim_cuts_bytes_after_the_length_only(store: UploadStore) -> None:
    await store.create("a", None)
    await send(store, "a", 0, b"0123456789")
    await store.trim("a", 6)
    assert await fetched(store, "a") == b"012345"
    await store.trim("a", 100)
    assert await fetched(store, "a") == b"012345"


async def test_reserve_keeps_existing_bytes(store: UploadStore) -> None:
    data = random.Random(4).randbytes(2 * MIB)
    await store.create("a", 0)
    await send(store, "a", 0, data)
    writer = await locked(store, 3 * MIB, len(data))
    await asyncio.gather(writer.reserve(0, 6 * MIB), writer.write(data))
    writer.close()
    assert (await fetched(store, "a"))[: 5 * MIB] == data + bytes(MIB) + data


async def test_no_more_is_allocated_than_was_created(store: UploadStore) -> None:
    await store.create("a", MIB)
    writer = await begun(store, 0, 1)
    assert 0 <= writer.allocated <= MIB
    writer.close()


async def test_writer_keeps_a_discarded_partial_from_coming_back(store: UploadStore) -> None:
    await store.create("a", 10)
    writer = await begun(store, 0, 1)
    await store.discard("a")
    writer.close()
    assert await store.begin("a", 0, 1) is None
