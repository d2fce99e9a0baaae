"""Heartbeats on the bus: each process says that it runs, so that `/ready` knows of the others."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.ports.bus import Bus

ALIVE = "alive"
"""Topic: name and pid of a process."""

RECEIVER, FINISHER = "receiver", "finisher"
"""Names of the processes."""

BEAT_SECONDS = 1.0

MISSING_AFTER_SECONDS = 5.0
"""Seconds without a heartbeat after which a process counts as gone: the supervisor restarts one within about two."""


class Heartbeat:
    """Publish that this process, called `name`, is alive, and remember which others are."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._bus = bus
        self._name = name
        self._heard: dict[int, tuple[str, float]] = {}
        bus.subscribe(ALIVE, self._note)

    def is_alive(self, name: str) -> bool:
        """Return whether a process of this name was heard a moment ago."""
        self._forget_missing()
        return any(heard == name for heard, _ in self._heard.values())

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._publish()
            await asyncio.sleep(BEAT_SECONDS)

    def _publish(self) -> None:
        self._bus.publish(ALIVE, self._name, os.getpid())

    def _note(self, name: str, pid: int) -> None:
        is_new = pid not in self._heard and pid != os.getpid()
        self._heard[pid] = name, time.monotonic()
        if is_new:
            # It has just started and knows of nobody yet.
            self._publish()

    def _forget_missing(self) -> None:
        since = time.monotonic() - MISSING_AFTER_SECONDS
        self._heard = {pid: (name, heard) for pid, (name, heard) in self._heard.items() if heard > since}
