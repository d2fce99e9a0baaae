"""Local copies of uploads: what is read again, what waits for room, and what a full disk leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.errors.service import StorageError, StorageFull
from tests.storage.s3.upload_node import BYTES, MIB, Node, far, node

if TYPE_CHECKING:
    from media_service.storage.s3.scratch import Scratch
    from tests.storage.s3.relay import Relay

__all__ = ["far", "node"]

pytestmark = pytest.mark.usefixtures("quick")


async def test_only_what_is_missing_is_read(far: Node, relay: Relay) -> None:
    slices = [await far.send(0, BYTES), await far.send(len(BYTES), b"more")]
    assert (await far.store.fetch("a", slices[:1], MIB)).path.stat().st_size == MIB
    assert (await far.store.fetch("a", slices, len(BYTES))).path.read_bytes() == BYTES
    await far.client.delete([(await far.keys())[0]])
    assert await far.fetched(*slices) == BYTES + b"more"


async def test_reading_goes_on_where_the_line_broke(far: Node, relay: Relay) -> None:
    slices = [await far.send(index * MIB, BYTES[index * MIB : (index + 1) * MIB]) for index in range(6)]
    await relay.drop()
    relay.cuts_down = [400_000, 600_000, 800_000]
    assert await far.fetched(*slices) == BYTES


async def test_copies_that_can_wait_leave_room_for_others(
    node: Node, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = [await node.send(0, BYTES)]
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "free_bytes", lambda: MIB)
        await node.store.fetch("a", slices, MIB, ahead=True)
        with pytest.raises(StorageFull):
            await node.store.fetch("a", slices, MIB + 1, ahead=True)
        assert (await node.store.fetch("a", slices, 2 * MIB)).path.read_bytes() == BYTES[: 2 * MIB]


async def test_copy_for_which_there_is_no_room_is_not_begun(
    far: Node, relay: Relay, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = [await far.send(0, BYTES)]
    await far.store.fetch("a", slices, MIB)
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "free_bytes", lambda: len(BYTES) - MIB - 1)
        await relay.drop()
        before = relay.connections
        with pytest.raises(StorageFull):
            await far.fetched(*slices)
        assert relay.connections == before
    assert not scratch.path("a").exists()
    assert await far.fetched(*slices) == BYTES


async def test_copy_without_room_is_deleted(node: Node, scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = [await node.send(0, BYTES)]

    async def full(*_given: Any) -> None:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(scratch, "write", full)
        with pytest.raises(StorageFull):
            await node.fetched(*slices)
    assert not scratch.path("a").exists()
    assert await node.fetched(*slices) == BYTES


async def test_of_two_copies_that_fit_only_in_turn_the_first_is_made(
    node: Node, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = [await node.send(0, BYTES)], [await node.send(0, BYTES, upload="b")]
    write = scratch.write
    refused: list[bool] = []

    async def write_while_another_begins(*given: Any) -> None:
        if not refused:
            refused.append(True)
            with pytest.raises(StorageFull):
                await node.store.fetch("b", two, len(BYTES))
        await write(*given)

    with monkeypatch.context() as patch:
        patch.setattr(scratch, "free_bytes", lambda: len(BYTES) + MIB)
        patch.setattr(scratch, "write", write_while_another_begins)
        assert await node.fetched(*one) == BYTES
        assert refused
    assert (await node.store.fetch("b", two, len(BYTES))).path.read_bytes() == BYTES


async def test_what_a_failed_copy_left_does_not_count(
    node: Node, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = [await node.send(0, BYTES)]
    await node.store.fetch("a", slices, MIB)

    def free() -> int:
        return len(BYTES) - scratch.path("a").stat().st_size

    async def broken(*_given: Any) -> None:
        with scratch.path("a").open("r+b") as copy:
            copy.truncate(len(BYTES) - 1)
        raise StorageError

    with monkeypatch.context() as patch:
        patch.setattr(scratch, "free_bytes", free)
        with patch.context() as failing:
            failing.setattr(scratch, "write", broken)
            with pytest.raises(StorageError):
                await node.fetched(*slices)
        assert await node.fetched(*slices) == BYTES
