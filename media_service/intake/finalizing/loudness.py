"""Measure loudness of finished files in idle time; rows without a report are the queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError
from media_service.core.files import LoudnessReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import LoudnessAnalyzer
    from media_service.core.ports.spool import Spool

RECHECK_SECONDS = 1.0
RETRY_SECONDS = 60.0
log = structlog.get_logger()


class LoudnessQueue:
    """Measures one file at a time while `quiet`: starting a process blocks the loop. `delivered`: wakes it."""

    def __init__(
        self,
        catalogue: Catalogue,
        spool: Spool,
        analyzer: LoudnessAnalyzer,
        *,
        clock: Callable[[], int],
        delivered: asyncio.Event,
        quiet: Callable[[], bool],
    ) -> None:
        self._catalogue = catalogue
        self._spool = spool
        self._analyzer = analyzer
        self._clock = clock
        self._delivered = delivered
        self._is_idle = quiet

    async def run(self) -> None:
        """Measure until cancelled."""
        if not self._analyzer.available:
            log.info("ffmpeg is not installed: loudness and silence are not measured")
            return
        while True:
            try:
                if not self._is_idle():
                    await asyncio.sleep(RECHECK_SECONDS)
                    continue
                # Cleared before the query, so that a file delivered during it is not missed.
                self._delivered.clear()
                if not await self.measure_next():
                    await self._delivered.wait()
            except (ServiceError, OSError) as error:
                log.warning("measuring loudness failed and is retried", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                # The top of a task: without the pause, a bug would fill the log.
                log.exception("measuring loudness failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def measure_next(self) -> bool:
        """Measure the newest unmeasured file; return False if there is none."""
        file = await self._catalogue.next_unmeasured()
        if file is None:
            return False
        try:
            report = await self._analyzer.measure_loudness(self._spool.path(file.spool_entry.name), file.facts.duration)
        except FileNotFoundError:
            # Its reader has taken it.
            report = LoudnessReport()
        await self._catalogue.save_loudness(file.id, report, self._clock())
        return True
