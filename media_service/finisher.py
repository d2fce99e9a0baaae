"""The finisher process: it verifies, tags and places complete uploads, and does the work that can wait."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import structlog

from media_service.adapters import LocalAdapters
from media_service.core.errors.service import MediaError
from media_service.heartbeat import FINISHER, Heartbeat
from media_service.intake.assembly import FinisherParts
from media_service.intake.finalizing.loudness import LoudnessQueue
from media_service.media.inspection.loudness import LoudnessAnalyzer
from media_service.media.workers import spawn
from media_service.media.workers.sandbox import PROTECTIONS
from media_service.part_options import intake_options
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from media_service.config.settings import Settings

MIN_WORKERS, MAX_WORKERS = 2, 8
"""Bounds of the number of uploads finalized concurrently, which is otherwise the number of processors."""

log = structlog.get_logger()


async def recover(settings: Settings) -> None:
    """Clean up after the last run. Must end before the first receiver and the finisher start."""
    adapters = LocalAdapters(settings, DataFolder(settings.data_dir.resolve()))
    await adapters.open()
    try:
        await FinisherParts(adapters.all, intake_options(settings)).recovery.run()
    finally:
        await adapters.close()


async def run_finisher(settings: Settings, report_ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Finish uploads until `stop` is set. A step that is interrupted is repeated by the next run."""
    adapters = LocalAdapters(settings, DataFolder(settings.data_dir.resolve()))
    parts = FinisherParts(
        adapters.all,
        intake_options(settings),
        duplicates=settings.duplicates,
        workers=max(MIN_WORKERS, min(os.cpu_count() or 1, MAX_WORKERS)),
        sweep_interval=settings.sweep_interval,
    )
    await adapters.open()
    try:
        async with asyncio.TaskGroup() as group:
            # An error of one of them ends the process, and the supervisor restarts it.
            tasks = [group.create_task(run) for run in _runs(parts, settings)]
            report_ready()
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        await adapters.close()


def _runs(parts: FinisherParts, settings: Settings) -> list[Coroutine[Any, Any, None]]:
    """Return what runs until it is cancelled."""
    runs = [
        Heartbeat(parts.adapters.bus, FINISHER).run(),
        parts.finalizer.run(),
        parts.follower.run(),
        parts.early_rejection.run(),
        parts.sweeper.run(),
        _report_protections(),
    ]
    if settings.measure_loudness:
        adapters, finalizer = parts.adapters, parts.finalizer
        loudness = LoudnessQueue(
            adapters.catalogue,
            adapters.spool,
            LoudnessAnalyzer(spawn.run_limited),
            queue=finalizer.queue,
            clock=adapters.clock,
            delivered=finalizer.delivered,
        )
        runs.append(loudness.run())
    return runs


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
