"""The finisher process: it verifies, tags and places complete uploads, and does the work that can wait."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.service import MediaError
from media_service.intake.finalizing.early_rejection import EarlyRejection
from media_service.intake.finalizing.finalizer import Finalizer
from media_service.intake.finalizing.loudness import LoudnessQueue
from media_service.intake.finalizing.read_ahead import ReadAheadFollower
from media_service.intake.recovery import Recovery
from media_service.intake.sweep import Sweeper
from media_service.media.inspection.loudness import LoudnessAnalyzer
from media_service.media.workers import spawn
from media_service.media.workers.sandbox import PROTECTIONS
from media_service.part_options import MICROSECONDS
from media_service.parts import Parts, new_id, now

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from media_service.config.settings import Settings
    from media_service.storage.data_folder import DataFolder

MIN_WORKERS, MAX_WORKERS = 2, 8
"""Bounds of the number of uploads finalized concurrently, which is otherwise the number of processors."""

log = structlog.get_logger()


class Finisher:
    """All parts of the finisher."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self.parts = parts = Parts(settings, folder)
        self._settings = settings
        self._finalizer = Finalizer(
            parts.catalogue,
            parts.store,
            parts.spool,
            parts.quarantine,
            parts.inspector,
            parts.rejected,
            locks=parts.locks,
            bus=parts.bus,
            clock=now,
            new_id=new_id,
            duplicates=settings.duplicates,
            workers=max(MIN_WORKERS, min(os.cpu_count() or 1, MAX_WORKERS)),
        )
        self._follower = ReadAheadFollower(parts.catalogue, parts.store, parts.inspector, parts.bus)
        self._early = EarlyRejection(parts.store, parts.inspector, parts.rejected, parts.ender, now)
        self._sweeper = Sweeper(
            parts.ender,
            parts.catalogue,
            parts.quarantine,
            clock=now,
            lifetime=parts.options.lifetime,
            quarantine_lifetime=int(settings.quarantine_lifetime * MICROSECONDS),
            every=settings.sweep_interval,
        )
        self._loudness = LoudnessQueue(
            parts.catalogue,
            parts.spool,
            LoudnessAnalyzer(spawn.run_limited),
            queue=self._finalizer.queue,
            clock=now,
            delivered=self._finalizer.delivered,
        )

    def runs(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs until it is cancelled."""
        return [
            self._finalizer.run(),
            self._follower.run(),
            self._early.run(),
            self._sweeper.run(),
            *([self._loudness.run()] if self._settings.measure_loudness else []),
        ]


async def recover(settings: Settings, folder: DataFolder) -> None:
    """Clean up after the last run. Must end before the first receiver and the finisher start."""
    parts = Parts(settings, folder)
    await parts.open()
    try:
        await Recovery(
            parts.catalogue,
            parts.store,
            parts.spool,
            ender=parts.ender,
            retagger=parts.retagger,
            clock=now,
            sync_slices=parts.options.sync_slices,
        ).run()
    finally:
        await parts.close()


async def run_finisher(settings: Settings, folder: DataFolder, stop: asyncio.Event) -> None:
    """Finish uploads until `stop` is set. A step that is interrupted is repeated by the next run."""
    finisher = Finisher(settings, folder)
    await finisher.parts.open()
    try:
        await _report_protections()
        async with asyncio.TaskGroup() as group:
            # An error of one of them ends the process, and the supervisor restarts it.
            tasks = [group.create_task(run) for run in finisher.runs()]
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        await finisher.parts.close()


async def _report_protections() -> None:
    """Log which protections the kernel gives the processes that parse what clients send."""
    try:
        held = await spawn.probe_protections()
    except MediaError:
        held = []
    missing = [name for name in PROTECTIONS if name not in held]
    if missing:
        log.warning("children are not fully confined", held=held, missing=missing)
    else:
        log.info("children are confined", held=held)
