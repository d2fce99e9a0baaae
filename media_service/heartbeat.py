"""Heartbeats on the bus: each process says that it runs, so that `/ready` knows of the others."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.ports.bus import Bus

ALIVE = "alive"
"""Topic: name of a process, and an id of its own: processes of two machines may have the same pid."""

RECEIVER, FINISHER, STANDBY = "receiver", "finisher", "stand-by"
"""Names of the processes. A stand-by is a finisher that waits until no other one is active."""

BEAT_SECONDS = 1.0

MISSING_AFTER_SECONDS = 5.0
"""Seconds without a heartbeat after which a process counts as gone: the supervisor restarts one within about two."""

FAILOVER_SECONDS = 30.0
"""Seconds within which a stand-by takes over from a machine that died: the database notices that after 20."""


class Heartbeat:
    """Publish that this process, called `name`, is alive, and remember which others are."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._bus = bus
        self._name = name
        self._id = secrets.token_urlsafe(6)
        self._heard: dict[str, tuple[str, float]] = {}
        bus.subscribe(ALIVE, self._note)

    def become(self, name: str) -> None:
        """Take another name, and publish it."""
        self._name = name
        self._publish()

    def is_alive(self, name: str, *, seconds: float | None = None) -> bool:
        """Return whether a process of this name published within so many seconds, by default MISSING_AFTER_SECONDS."""
        since = time.monotonic() - (MISSING_AFTER_SECONDS if seconds is None else seconds)
        return any(heard == name and at > since for heard, at in self._heard.values())

    def finisher_is_alive(self) -> bool:
        """Return whether files are finished, or will be once a stand-by takes over."""
        will_be = self.is_alive(STANDBY) and self.is_alive(FINISHER, seconds=FAILOVER_SECONDS)
        return will_be or self.is_alive(FINISHER)

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._publish()
            self._forget_missing()
            await asyncio.sleep(BEAT_SECONDS)

    def _publish(self) -> None:
        self._bus.publish(ALIVE, self._name, self._id)

    def _note(self, name: str, sender: str) -> None:
        is_new = sender not in self._heard and sender != self._id
        self._heard[sender] = name, time.monotonic()
        if is_new:
            # It has just started and knows of nobody yet.
            self._publish()

    def _forget_missing(self) -> None:
        since = time.monotonic() - FAILOVER_SECONDS
        self._heard = {sender: (name, heard) for sender, (name, heard) in self._heard.items() if heard > since}
