"""Lines to a service in a thread of the test: what the process aside runs, without the process."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from media_service.aside.line import Line
from media_service.catalogue import committing
from media_service.storage import flushing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@asynccontextmanager
async def served(line: Line, serve: Callable[[socket.socket], None]) -> AsyncIterator[Line]:
    """Opens the line; at the end it is closed, and the service has ended."""
    ours, theirs = socket.socketpair()
    with theirs:
        thread = threading.Thread(target=serve, args=(theirs,))
        thread.start()
        await line.open(ours)
        try:
            yield line
        finally:
            await line.close()
            await asyncio.to_thread(thread.join)


def commits_to(path: Path) -> Callable[[socket.socket], None]:
    """The service that commits to this catalogue."""
    return partial(committing.serve, connect=partial(committing.writing_connection, str(path)))


@asynccontextmanager
async def storage_line() -> AsyncIterator[Line]:
    """A line to the service that syncs partials."""
    async with served(Line(), flushing.serve) as line:
        yield line
