"""Heartbeats: a process knows which others are alive."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

from media_service import heartbeat
from media_service.heartbeat import ALIVE, Heartbeat
from media_service.ipc.bus import LocalBus

if TYPE_CHECKING:
    import pytest

WITHIN_SECONDS = 5.0


async def test_process_is_alive_while_its_heartbeats_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "MISSING_AFTER_SECONDS", 0.5)
    bus = LocalBus()
    receiver = Heartbeat(bus, "receiver")
    assert not receiver.is_alive("finisher")
    beating = asyncio.create_task(Heartbeat(bus, "finisher").run())
    await asyncio.sleep(0.02)
    assert receiver.is_alive("finisher")
    assert not receiver.is_alive("other")
    beating.cancel()
    async with asyncio.timeout(WITHIN_SECONDS):
        while receiver.is_alive("finisher"):
            await asyncio.sleep(0.01)


async def test_each_process_that_starts_is_answered_once() -> None:
    bus, heard = LocalBus(), list[str]()
    bus.subscribe(ALIVE, lambda name, _sender: heard.append(name))
    Heartbeat(bus, "finisher")
    for sender in ("one", "two") * 2:
        bus.publish(ALIVE, "receiver", sender)
    async with asyncio.timeout(WITHIN_SECONDS):
        while heard.count("finisher") < 2:
            await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    assert sorted(heard) == ["finisher"] * 2 + ["receiver"] * 4


async def test_a_stand_by_counts_while_it_may_still_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, now = LocalBus(), [1000.0]
    monkeypatch.setattr(heartbeat, "time", SimpleNamespace(monotonic=lambda: now[0]))
    receiver = Heartbeat(bus, "receiver")

    async def after(seconds: float, *processes: str) -> bool:
        now[0] += seconds
        for process in processes:
            bus.publish(ALIVE, process, process)
        await asyncio.sleep(0.01)
        return receiver.finisher_is_alive()

    # Until one was active, the stand-by may wait for one that is stuck.
    assert not await after(0, "stand-by")
    assert await after(1, "stand-by", "finisher")
    assert await after(4)
    assert not await after(2)
    assert await after(1, "stand-by")
    assert await after(22, "stand-by")
    assert not await after(2, "stand-by")
    assert await after(1, "finisher")


async def test_process_that_changes_its_name_says_so_at_once() -> None:
    bus, names = LocalBus(), list[str]()
    bus.subscribe(ALIVE, lambda name, _sender: names.append(name))
    Heartbeat(bus, "stand-by").become("finisher")
    await asyncio.sleep(0.01)
    assert names == ["finisher"]
