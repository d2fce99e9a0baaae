"""Lines to a service in a thread of the test: what the process aside runs, without the process."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from media_service.catalogue import committing
from media_service.ipc.client import RpcClient
from media_service.storage.sync import server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@asynccontextmanager
async def served(line: RpcClient, serve: Callable[[socket.socket], None]) -> AsyncIterator[RpcClient]:
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


def commit_service(path: Path) -> Callable[[socket.socket], None]:
    """The service that commits to this catalogue."""
    return partial(committing.serve, connect=partial(committing.writing_connection, str(path)))


@asynccontextmanager
async def storage_rpc() -> AsyncIterator[RpcClient]:
    """A line to the service that syncs partials."""
    async with served(RpcClient(), server.serve) as line:
        yield line
