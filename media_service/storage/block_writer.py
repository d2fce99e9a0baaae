"""Write blocks into the page cache: on the event loop while the disk is fast, in a thread while it is slow."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from media_service.storage.executor import run_to_completion
from media_service.storage.os_errors import map_os_errors
from media_service.storage.write_latency import WriteLatency

if TYPE_CHECKING:
    from concurrent.futures import Executor


class BlockWriter:
    """Writes to the files of one disk. `executor` has the threads that wait for it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._latency = WriteLatency()

    async def write(self, descriptor: int, offset: int, block: bytes) -> None:
        """Write all of the block at `offset`; it is not durable yet. Raise StorageFull, StorageError."""
        with map_os_errors():
            if self._latency.is_low:
                self._latency.record(_timed_write(descriptor, offset, block))
            else:
                seconds = await run_to_completion(self._executor, _timed_write, descriptor, offset, block)
                self._latency.record(seconds)


def _timed_write(descriptor: int, offset: int, block: bytes) -> float:
    """Write the whole block at `offset` and return the seconds it took."""
    began = time.perf_counter()
    written = os.pwrite(descriptor, block, offset)
    while written < len(block):
        written += os.pwrite(descriptor, memoryview(block)[written:], offset + written)
    return time.perf_counter() - began
