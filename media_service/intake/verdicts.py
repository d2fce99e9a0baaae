"""Wait until an upload that is being finished has ended. The finisher may be another process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core.upload_states import FINISHING
from media_service.intake.topics import CHANGED, WAITING

if TYPE_CHECKING:
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue

POLL_SECONDS = 1.0
"""Interval at which the catalogue is read, because hints of the bus may be lost."""


class Verdicts:
    """Waits for verdicts by hints of the bus, and by the catalogue if a hint is lost."""

    def __init__(self, catalogue: Catalogue, bus: Bus) -> None:
        self._catalogue = catalogue
        self._waiting_count = 0
        self._changes: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        bus.subscribe(CHANGED, self._note_change)
        bus.subscribe(WAITING, self._note_waiting)

    async def wait_briefly(self, upload_id: str, seconds: float) -> bool:
        """Call `wait` if no other upload waits; else return False at once, as the wait would usually be in vain."""
        if not seconds or self._waiting_count > 1:
            return False
        await self.wait(upload_id, seconds)
        return True

    async def wait(self, upload_id: str, seconds: float) -> None:
        """Return when the upload has ended, its finishing failed, or `seconds` have passed."""
        changed = asyncio.Event()
        self._changes[upload_id].add(changed)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    # Subscribed before the first read, so that no change is missed.
                    while await self._is_being_finished(upload_id):
                        with suppress(TimeoutError):
                            async with asyncio.timeout(POLL_SECONDS):
                                await changed.wait()
                        changed.clear()
        finally:
            self._changes[upload_id].discard(changed)
            if not self._changes[upload_id]:
                del self._changes[upload_id]

    async def _is_being_finished(self, upload_id: str) -> bool:
        loaded = await self._catalogue.load(upload_id)
        return loaded is not None and loaded[0].state in FINISHING and not loaded[0].finalize_failed

    def _note_change(self, upload_id: str, _state: str) -> None:
        for changed in self._changes.get(upload_id, ()):
            changed.set()

    def _note_waiting(self, count: int) -> None:
        self._waiting_count = count
