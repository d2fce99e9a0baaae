"""The common clock of all nodes: that of the database."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.service import CatalogueError

if TYPE_CHECKING:
    from media_service.catalogue.postgresql.session import Session

MEASURE_SECONDS = 60.0
"""Interval of measurements. In it clocks of machines drift apart by less than 10 ms."""

_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

log = structlog.get_logger()


class DatabaseClock:
    """The database's time, from this machine's time since start and an offset. `measure` it before use."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._offset = 0

    def now(self) -> int:
        """Return the current time in UTC microseconds."""
        return _since_start() + self._offset

    async def measure(self) -> None:
        """Set the offset, right to half the time of a round trip. Raise CatalogueError."""
        before = _since_start()
        ((now,),) = await self._session.execute(_NOW)
        self._offset = now - (before + _since_start()) // 2

    async def run(self) -> None:
        """Measure the offset again and again until cancelled."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            try:
                await self.measure()
            except CatalogueError as error:
                log.warning("the database's time was not measured", error=str(error.__cause__))


def _since_start() -> int:
    """Return microseconds since the machine started: nobody sets this clock, and it goes on while a machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
