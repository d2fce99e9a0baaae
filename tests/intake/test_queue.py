"""Whose turn it is: so many at a time, small ones never behind large ones, nobody twice at once."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.core.upload import Upload
from media_service.core.upload_states import State
from media_service.intake.finalizing import queue
from media_service.intake.finalizing.queue import LARGE_UPLOAD_BYTES, FinalizeQueue
from media_service.intake.upload_locks import upload_lock
from media_service.ipc.bus import LocalBus
from media_service.storage.locks import FileLocks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest


class Desk:
    """A queue whose uploads are finished when it is told to."""

    def __init__(self, workers: int = 2) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.locks = FileLocks(Path(self._folder.name) / "locks")
        self.bus = LocalBus()
        self.queue = FinalizeQueue(workers, self.finalize_one, self.record_fault, locks=self.locks, bus=self.bus)
        self.going: list[str] = []
        self.seen: list[str] = []
        self.faults: list[str] = []
        self.troubles: dict[str, list[Exception]] = {}
        self.behind: set[str] = set()
        self._may_end: dict[str, asyncio.Event] = {}

    async def finalize_one(self, upload_id: str) -> bool:
        self.going.append(upload_id)
        self.seen.append(upload_id)
        try:
            if troubles := self.troubles.get(upload_id):
                raise troubles.pop(0)
            await self._may_end.setdefault(upload_id, asyncio.Event()).wait()
        finally:
            self.going.remove(upload_id)
        return upload_id not in self.behind

    async def record_fault(self, upload_id: str) -> None:
        self.faults.append(upload_id)

    def close(self) -> None:
        """Close the locks and remove their file."""
        self.locks.close()
        self._folder.cleanup()

    async def end(self, *upload_ids: str) -> None:
        """Let them end."""
        for upload_id in upload_ids:
            self._may_end.setdefault(upload_id, asyncio.Event()).set()
        await settled()


async def settled() -> None:
    """Let every task do what it can do without waiting."""
    for _ in range(20):
        await asyncio.sleep(0)


async def forgotten(desk: Desk, upload_id: str) -> None:
    """Return when the queue has done with the upload."""
    while desk.queue.knows(upload_id):
        await asyncio.sleep(0.001)


def upload(upload_id: str, length: int = 1, owner: str = "me") -> Upload:
    return Upload(upload_id, owner, "native", State.RECEIVED, "a.mp3", length, created_at=0, updated_at=0)


@asynccontextmanager
async def working(desk: Desk, *uploads: Upload) -> AsyncIterator[None]:
    """Run the desk, with these uploads in its queue."""
    running = asyncio.create_task(desk.queue.run_workers())
    for one in uploads:
        desk.queue.enqueue(one)
    await settled()
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        desk.close()


async def test_so_many_are_finished_at_a_time_in_their_order() -> None:
    desk = Desk(3)
    async with working(desk, *(upload(name) for name in "abcde")):
        assert desk.going == ["a", "b", "c"]
        await desk.end("b")
        assert desk.going == ["a", "c", "d"]
        assert not desk.queue.idle
        await desk.end(*"acde")
        assert (desk.seen, desk.queue.idle) == (list("abcde"), True)


async def test_a_small_one_never_waits_for_large_ones_alone() -> None:
    desk = Desk()
    async with working(
        desk,
        upload("large", LARGE_UPLOAD_BYTES),
        upload("larger", 2 * LARGE_UPLOAD_BYTES),
        upload("small"),
        upload("later"),
    ):
        assert set(desk.going) == {"large", "small"}
        await desk.end("small")
        assert set(desk.going) == {"large", "later"}
        await desk.end("later")
        assert desk.going == ["large"]
        await desk.end("large")
        assert desk.going == ["larger"]


async def test_one_that_is_woken_while_it_is_finished_comes_again_behind_that() -> None:
    desk = Desk()
    one = upload("one")
    async with working(desk, one, one):
        desk.queue.enqueue(one)
        await settled()
        assert desk.going == ["one"]
        await desk.end("one")
        assert (desk.going, desk.seen) == ([], ["one", "one"])


async def test_trouble_of_one_holds_up_nobody_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "FIRST_RETRY_SECONDS", 0.01)
    desk = Desk()
    desk.troubles["ill"] = [StorageError(), OSError(), KeyError()]
    async with working(desk, upload("ill"), upload("well")):
        await desk.end("well", "ill")
        assert desk.seen == ["ill", "well"]
        await forgotten(desk, "ill")
        assert (desk.seen.count("ill"), desk.faults) == (4, [])


async def test_a_fault_that_lasts_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "FIRST_RETRY_SECONDS", 0.001)
    desk = Desk()
    desk.troubles["ill"] = [KeyError() for _ in range(queue.MAX_FAULTS)]
    async with working(desk, upload("ill")):
        await forgotten(desk, "ill")
        assert (desk.faults, len(desk.seen)) == (["ill"], queue.MAX_FAULTS)


async def test_one_that_waits_for_another_has_not_ended() -> None:
    desk = Desk()
    desk.behind.add("second")
    async with working(desk, upload("second")):
        await desk.end("second")
        assert desk.queue.knows("second")
        desk.behind.clear()
        desk.queue.enqueue(upload("second"))
        await forgotten(desk, "second")


async def test_receivers_are_told_when_several_wait_and_when_none_does() -> None:
    desk, hints = Desk(), list[int]()
    desk.bus.subscribe("waiting", hints.append)
    async with working(desk, *(upload(name) for name in "abcd")):
        await desk.end(*"abcd")
    assert [count > 1 for count in hints] == [True, False]


async def test_senders_take_turns() -> None:
    desk = Desk()
    many = [upload(f"many{number}", owner="many") for number in range(30)]
    async with working(desk, *many, upload("one", owner="one"), upload("two", owner="two")):
        assert desk.going == ["many0", "one"]
        await desk.end("many0")
        assert desk.going == ["one", "two"]
        await desk.end("one", "two")
        assert desk.seen == ["many0", "one", "two", "many1", "many2"]


async def test_one_owner_at_two_addresses_is_two_senders() -> None:
    desk = Desk()
    many = [replace(upload(f"many{number}"), address="127.0.0.2") for number in range(9)]
    async with working(desk, *many, replace(upload("one"), address="127.0.0.1")):
        assert desk.going == ["many0", "one"]


async def test_a_costly_sender_delays_only_itself() -> None:
    desk = Desk(4)
    costly = [upload(f"costly{number}", owner="costly") for number in range(9)]
    async with working(desk):
        desk.queue.note_slow(costly[0])
        for one in costly:
            desk.queue.enqueue(one)
        await settled()
        assert desk.going == ["costly0"]
        for name in "abc":
            desk.queue.enqueue(upload(name))
        await settled()
        assert desk.going == ["costly0", "a", "b", "c"]
        await desk.end("a", "b", "c", "costly0")
        assert desk.going == ["costly1"]


async def test_the_kept_place_takes_nothing_of_a_costly_sender() -> None:
    desk = Desk()
    async with working(desk, upload("large", LARGE_UPLOAD_BYTES)):
        desk.queue.note_slow(upload("any", owner="costly"))
        desk.queue.enqueue(upload("costly", owner="costly"))
        await settled()
        assert desk.going == ["large"]
        await desk.end("large")
        assert desk.going == ["costly"]


async def test_a_sender_is_costly_for_a_while_after_a_slow_small_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(queue, "SLOW_SENDER_SECONDS", 0.5)
    desk = Desk(3)
    slow, later = upload("slow"), [upload("b"), upload("c")]
    async with working(desk, slow):
        await asyncio.sleep(0.1)
        await desk.end("slow")
        for one in later:
            desk.queue.enqueue(one)
        await settled()
        assert desk.going == ["b"]
        await asyncio.sleep(0.6)
        desk.queue.enqueue(upload("d"))
        await settled()
        assert desk.going == ["b", "c", "d"]


async def test_a_large_upload_may_take_long_without_being_costly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SLOW_SECONDS", 0.05)
    desk = Desk(3)
    async with working(desk, upload("large", LARGE_UPLOAD_BYTES)):
        await asyncio.sleep(0.1)
        await desk.end("large")
        for name in "ab":
            desk.queue.enqueue(upload(name))
        await settled()
        assert desk.going == ["a", "b"]


async def test_an_upload_that_is_locked_is_finalized_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LOCK_SECONDS", 0.01)
    desk = Desk()
    assert await desk.locks.acquire(upload_lock("edited"), 0)
    async with working(desk, upload("edited"), upload("other")):
        await desk.end("other")
        assert desk.seen == ["other"]
        desk.locks.release(upload_lock("edited"))
        while not desk.seen[1:]:
            await asyncio.sleep(0.01)
        await desk.end("edited")
        assert desk.seen == ["other", "edited"]


async def test_an_upload_is_locked_while_it_is_finalized() -> None:
    desk = Desk()
    async with working(desk, upload("one")):
        assert not await desk.locks.acquire(upload_lock("one"), 0)
        await desk.end("one")
        assert await desk.locks.acquire(upload_lock("one"), 0)
        desk.locks.release(upload_lock("one"))
