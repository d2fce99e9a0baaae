"""Heartbeats: a process knows which others are alive."""

from __future__ import annotations

import asyncio
import os
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
    bus.subscribe(ALIVE, lambda name, _pid: heard.append(name))
    Heartbeat(bus, "finisher")
    for pid in (1, 2, 1, 2):
        bus.publish(ALIVE, "receiver", os.getpid() + pid)
    async with asyncio.timeout(WITHIN_SECONDS):
        while heard.count("finisher") < 2:
            await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    assert sorted(heard) == ["finisher"] * 2 + ["receiver"] * 4
