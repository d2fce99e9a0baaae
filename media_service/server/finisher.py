"""The finisher: one process that finishes files, with low priority, so that the scheduler prefers the receivers."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

from media_service.finisher import recover, report_protections, run_finisher

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.config.settings import Settings

NICENESS = 10


def run(settings: Settings, report_ready: Callable[[], None]) -> None:
    """Finish files until SIGTERM."""
    os.nice(NICENESS)
    # With this policy the kernel gives it longer time slices, and a receiver that wakes up is not preempted by it.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    report_protections()
    asyncio.run(_finish(settings, report_ready))


def run_recovery(settings: Settings) -> None:
    """Clean up after the last run of the service, before the first receiver starts."""
    asyncio.run(recover(settings))


async def _finish(settings: Settings, report_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # Not an orderly end when the lock is lost: threads would go on writing what another finisher now works on.
    await run_finisher(settings, report_ready, stop, partial(os._exit, 1))
