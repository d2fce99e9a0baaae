"""The threads that read files: one at a time while somebody sends, all of them while nobody does."""

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

    from media_service.media.inspection.load import Leisure

THREAD = "follower"
"""The reading threads' name, as `top -H` shows it and the bench counts it."""

FEWEST, MOST = 2, 4
"""How many they are, as many as there are processors between these: more would find nothing to do."""


class Readers:
    """Reads in threads of its own. To be used from one event loop; `leisure` says whether that has time to spare."""

    def __init__(self, leisure: Leisure) -> None:
        self.leisure = leisure
        self._threads = ThreadPoolExecutor(max(FEWEST, min(os.cpu_count() or 1, MOST)), THREAD, _tell_name)
        self._one = asyncio.Lock()

    async def read(self, read: Callable[..., None], *given: object) -> None:
        """Returns when it was read; beside others, unless the loop is busy just now."""
        if self.leisure.now:
            await asyncio.get_running_loop().run_in_executor(self._threads, read, *given)
        else:
            await self.read_alone(read, *given)

    async def read_alone(self, read: Callable[..., None], *given: object) -> None:
        """Returns when it was read, behind others of this kind."""
        async with self._one:
            await asyncio.get_running_loop().run_in_executor(self._threads, read, *given)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()


def _tell_name() -> None:
    """Python names its threads for itself alone."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(THREAD)
