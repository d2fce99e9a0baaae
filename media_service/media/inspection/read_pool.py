"""The threads that read files: one at a time while the event loop is busy, in parallel while it is idle."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.load import Load

THREAD_NAME = "read-ahead"
"""Name of the threads in `top -H`; the bench counts them by it."""

MIN_THREADS, MAX_THREADS = 2, 4
"""Bounds of the number of threads, which is that of the processors. A file has three consumers."""


class ReadPool:
    """Run reads in threads. Use it from one event loop; `load` measures that loop."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self._threads = ThreadPoolExecutor(
            max(MIN_THREADS, min(os.cpu_count() or 1, MAX_THREADS)), THREAD_NAME, _set_native_name
        )
        self._serial = asyncio.Lock()

    async def read(self, read: Callable[..., None], *arguments: object) -> None:
        """Run `read` in a thread; in parallel with others unless the loop is busy now."""
        if self.load.idle_now:
            await asyncio.get_running_loop().run_in_executor(self._threads, read, *arguments)
        else:
            await self.read_serially(read, *arguments)

    async def read_serially(self, read: Callable[..., None], *arguments: object) -> None:
        """Run `read` in a thread, after others that were passed to this method."""
        async with self._serial:
            await asyncio.get_running_loop().run_in_executor(self._threads, read, *arguments)

    def close(self) -> None:
        """Wait for the running reads and end the threads."""
        self._threads.shutdown()


def _set_native_name() -> None:
    """Name the thread for the kernel too: Python 3.11 does not."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(THREAD_NAME)
