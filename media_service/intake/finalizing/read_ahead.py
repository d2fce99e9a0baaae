"""Let the media adapter read uploads while they arrive, wherever their slices are received."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import StorageFull
from media_service.core.upload import ranges_of
from media_service.core.upload_states import ENDED, State
from media_service.intake.topics import CHANGED, RECORDED

if TYPE_CHECKING:
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import Media
    from media_service.core.ports.upload_store import UploadStore

PAUSE_SECONDS = 0.1
"""Pause between two rounds: the slices of all uploads that were recorded meanwhile are looked up once."""

REST_RATIO = 9
"""A round is followed by a pause this many times as long as it looked up slices, because it reads all of its uploads
each time. With 64 uploads of 512 slices the finisher's event loop took 0.65 processor seconds instead of 2.9; more gain
with more. The time of copying from an object store does not count: a copy that paused so fell behind more and more."""

log = structlog.get_logger()


class ReadAheadFollower:
    """Follows receiving uploads by hints. A lost hint only makes the verification read more at the end."""

    def __init__(self, catalogue: Catalogue, store: UploadStore, media: Media, bus: Bus) -> None:
        self._catalogue = catalogue
        self._store = store
        self._media = media
        self._recorded: set[str] = set()
        self._ended: set[str] = set()
        self._more = asyncio.Event()
        self._lookup_seconds = 0.0
        bus.subscribe(RECORDED, self._note_recorded)
        bus.subscribe(CHANGED, self._note_change)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            self._lookup_seconds = 0.0
            recorded, self._recorded = self._recorded, set()
            for upload_id in recorded:
                try:
                    # The upload has ended meanwhile, or there is no space: the file is read when it is complete.
                    with suppress(FileNotFoundError, StorageFull):
                        await self.follow(upload_id)
                except ServiceError as trouble:
                    log.warning("an upload was not followed", upload=upload_id, trouble=str(trouble))
            # After following, which may have begun before the upload ended.
            ended, self._ended = self._ended, set()
            for upload_id in ended:
                await self._store.release(upload_id)
            await asyncio.sleep(max(PAUSE_SECONDS, REST_RATIO * self._lookup_seconds))

    async def follow(self, upload_id: str) -> None:
        """Tell the media adapter which bytes of a receiving upload it may read."""
        began = time.monotonic()
        loaded = await self._catalogue.load(upload_id)
        self._lookup_seconds += time.monotonic() - began
        if loaded is not None and loaded[0].state is State.RECEIVING:
            upload, slices = loaded
            offset = ranges_of(slices).offset
            source = await self._store.fetch(upload_id, slices, offset, ahead=True)
            self._media.follow(upload, source.path, offset, slices)

    def _note_recorded(self, upload_id: str, _start: int, _stop: int) -> None:
        self._recorded.add(upload_id)
        self._more.set()

    def _note_change(self, upload_id: str, state: str) -> None:
        # A complete upload is verified from where the read-ahead is, which then forgets it.
        if state in ENDED:
            self._media.forget(upload_id)
            self._ended.add(upload_id)
            self._more.set()
