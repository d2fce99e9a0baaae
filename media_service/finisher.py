"""The finisher process: it verifies, tags and places complete uploads, and does the work that can wait."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import structlog

from media_service.adapters import ProcessAdapters
from media_service.core.errors.base import ServiceError
from media_service.heartbeat import FINISHER, STANDBY, Heartbeat
from media_service.intake.assembly import FinisherParts
from media_service.intake.finalizing.loudness import LoudnessQueue
from media_service.media.inspection.loudness import LoudnessAnalyzer
from media_service.media.workers import spawn
from media_service.media.workers.sandbox import PROTECTIONS, probe_protections
from media_service.part_options import intake_options
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from media_service.config.settings import Settings
    from media_service.core.ports.locks import Locks
    from media_service.intake.recovery import Recovery

MIN_WORKERS, MAX_WORKERS = 2, 8
"""Bounds of the number of uploads finalized concurrently, which is otherwise the number of processors."""

LOCK = "finisher"
"""Name of the lock of the active finisher."""

STANDBY_SECONDS = 1.0
"""Interval at which a stand-by tries to become active."""

log = structlog.get_logger()


async def recover(settings: Settings) -> None:
    """Clean up after the last run. Must end before the first receiver and the finisher start."""
    adapters = ProcessAdapters(settings, DataFolder(settings.data_dir.resolve()))
    await adapters.open()
    try:
        await FinisherParts(adapters.all, intake_options(settings)).recovery.run()
    finally:
        await adapters.close()


async def run_finisher(
    settings: Settings, report_ready: Callable[[], None], stop: asyncio.Event, abandon: Callable[[], None]
) -> None:
    """Finish uploads until `stop` is set. A step that is interrupted is repeated by the next run.

    Of the finishers of all nodes one is active; the others stand by. `abandon` must end this process at once: it is
    called when another one may be active.
    """
    adapters = ProcessAdapters(settings, DataFolder(settings.data_dir.resolve()))
    await adapters.open()
    try:
        async with asyncio.TaskGroup() as group:
            finishing = group.create_task(_finish(adapters, settings, abandon))
            report_ready()
            await stop.wait()
            finishing.cancel()
    finally:
        await adapters.close()


async def _finish(adapters: ProcessAdapters, settings: Settings, abandon: Callable[[], None]) -> None:
    heartbeat = Heartbeat(adapters.all.bus, STANDBY)
    async with asyncio.TaskGroup() as group:
        # An error of one of them ends the process, and the supervisor restarts it.
        group.create_task(heartbeat.run())
        await become_active(adapters.all.locks)
        heartbeat.become(FINISHER)
        group.create_task(watch_lock(adapters.all.locks, abandon))
        # Not before: they would keep every hint for a queue that nobody works on.
        parts = _parts(adapters, settings)
        if settings.is_on_nodes:
            await _complete_whole(parts.recovery)
        for run in _runs(parts, settings):
            group.create_task(run)


async def _complete_whole(recovery: Recovery) -> None:
    while True:
        try:
            return await recovery.complete_whole()
        except ServiceError as error:
            log.warning("recovery goes on later", error=str(error.__cause__ or error))
            await asyncio.sleep(STANDBY_SECONDS)


async def become_active(locks: Locks) -> None:
    """Return when this process holds the lock of the active finisher."""
    stands_by = False
    while not await _try_lock(locks):
        if not stands_by:
            log.info("another finisher is active, this one stands by")
            stands_by = True
        await asyncio.sleep(STANDBY_SECONDS)
    if stands_by:
        log.info("this finisher is active now")


async def _try_lock(locks: Locks) -> bool:
    try:
        return await locks.acquire(LOCK, 0)
    except ServiceError:
        # The database is away, and so is the active finisher's lock.
        return False


async def watch_lock(locks: Locks, abandon: Callable[[], None]) -> None:
    """Call `abandon` once the lock is lost."""
    await locks.wait_lost()
    log.error("the lock of the active finisher is lost")
    abandon()


def _parts(adapters: ProcessAdapters, settings: Settings) -> FinisherParts:
    return FinisherParts(
        adapters.all,
        intake_options(settings),
        duplicates=settings.duplicates,
        workers=max(MIN_WORKERS, min(os.cpu_count() or 1, MAX_WORKERS)),
        sweep_interval=settings.sweep_interval,
    )


def _runs(parts: FinisherParts, settings: Settings) -> list[Coroutine[Any, Any, None]]:
    """Return what runs until it is cancelled."""
    runs = [
        parts.finalizer.run(),
        parts.follower.run(),
        parts.early_rejection.run(),
        parts.sweeper.run(),
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


def report_protections() -> None:
    """Log which protections the kernel gives the processes that parse what clients send. No other thread may run."""
    try:
        held = probe_protections()
    except OSError:
        held = []
    missing = [name for name in PROTECTIONS if name not in held]
    if missing:
        log.warning("children are not fully confined", held=held, missing=missing)
    else:
        log.info("children are confined", held=held)
