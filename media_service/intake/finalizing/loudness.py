"""Measure loudness, silence and waveform of files in the spool, once for each file, while no file is finalized.

The queue is the catalogue, so files that were not measured are measured after a restart.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError
from media_service.core.files import LoudnessReport, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import LoudnessAnalyzer
    from media_service.core.ports.spool import Spool
    from media_service.intake.finalizing.queue import FinalizeQueue

RECHECK_SECONDS = 1.0
"""Interval of the checks whether the queue is idle."""

RETRY_SECONDS = 60.0
"""Delay after an error."""

log = structlog.get_logger()


class LoudnessQueue:
    """Measure files one at a time, while none is finalized.

    `delivered` is set when a file was delivered.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        spool: Spool,
        analyzer: LoudnessAnalyzer,
        *,
        queue: FinalizeQueue,
        clock: Callable[[], int],
        delivered: asyncio.Event,
    ) -> None:
        self._catalogue = catalogue
        self._spool = spool
        self._analyzer = analyzer
        self._queue = queue
        self._clock = clock
        self._delivered = delivered

    async def run(self) -> None:
        """Measure what was not measured yet, then what is delivered, until cancelled."""
        if not self._analyzer.available:
            log.info("ffmpeg is not installed: loudness and silence are not measured")
            return
        while True:
            try:
                if not self._queue.idle:
                    await asyncio.sleep(RECHECK_SECONDS)
                    continue
                # Cleared before the query, so that a file delivered during it is not missed.
                self._delivered.clear()
                if not await self.measure_next():
                    await self._delivered.wait()
            except (ServiceError, OSError) as trouble:
                log.warning("loudness is measured later", trouble=str(trouble))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                # The top of a task: without this, one bug would end the measuring, and without a delay repeat at once.
                log.exception("loudness analysis failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def measure_next(self) -> bool:
        """Measure the oldest file that was not measured; return False if there is none."""
        file = await self._catalogue.next_unmeasured()
        if file is None:
            return False
        try:
            async with self._spool.reading(file.spool_entry.name) as source:
                report = await self._analyzer.measure_loudness(source.path, file.facts.duration)
        except FileNotFoundError:
            # It was moved to the trash meanwhile, or a reader of the spool moved or deleted it.
            current = await self._catalogue.file(file.id)
            if current is None or current.place is not Place.SPOOL:
                return True
            report = LoudnessReport()
        await self._catalogue.save_loudness(file.id, report, self._clock())
        return True
