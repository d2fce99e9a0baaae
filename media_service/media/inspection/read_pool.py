"""The threads that read files: one for all read-ahead, all of them for what is waited for."""

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

THREAD_NAME = "read-ahead"
"""Name of the threads in `top -H`; the bench counts them by it."""

MIN_THREADS, MAX_THREADS = 2, 4
"""Bounds of the number of threads, which is that of the processors. A file has three consumers."""


class ReadPool:
    """Run reads in threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            max(MIN_THREADS, min(os.cpu_count() or 1, MAX_THREADS)), THREAD_NAME, _set_native_name
        )
        self._serial = asyncio.Lock()

    async def read(self, read: Callable[..., None], *arguments: object) -> None:
        """Run `read` in a thread, in parallel with others: its end is waited for."""
        await asyncio.get_running_loop().run_in_executor(self._threads, read, *arguments)

    async def read_serially(self, read: Callable[..., None], *arguments: object) -> None:
        """Run `read` in a thread, after others that were passed to this method."""
        async with self._serial:
            await self.read(read, *arguments)

    def close(self) -> None:
        """Wait for the running reads and end the threads."""
        self._threads.shutdown()


def _set_native_name() -> None:
    """Name the thread for the kernel too: Python 3.11 does not."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(THREAD_NAME)
