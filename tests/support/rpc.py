"""RPC services of the sidecar in a thread of the test."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from media_service.catalogue.sqlite.commit_server import CommitServer, open_for_writing
from media_service.ipc.client import RpcClient
from media_service.storage.sync import server as sync_server

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


@asynccontextmanager
async def served(client: RpcClient, serve: Callable[[socket.socket], None]) -> AsyncIterator[RpcClient]:
    """Connect the client to the service; at the end close the connection and wait for the service."""
    near, far = socket.socketpair()
    with far:
        thread = threading.Thread(target=serve, args=(far,))
        thread.start()
        await client.connect(near)
        try:
            yield client
        finally:
            await client.close()
            await asyncio.to_thread(thread.join)


def commit_service(path: Path) -> Callable[[socket.socket], None]:
    """Return the commit service of this catalogue."""
    return partial(serve_alone, partial(open_for_writing, str(path)))


def serve_alone(connect: Callable[[], sqlite3.Connection], connection: socket.socket) -> None:
    """Serve one connection with a commit server of its own."""
    server = CommitServer(connect)
    try:
        server.serve(connection)
    finally:
        server.close()


@asynccontextmanager
async def storage_rpc(serve: Callable[[socket.socket], None] = sync_server.serve) -> AsyncIterator[RpcClient]:
    """Yield a client of the sync server."""
    async with served(RpcClient(), serve) as client:
        yield client


class UnreliableSyncs:
    """A sync server whose syncs of files fail within `failing`."""

    def __init__(self) -> None:
        self._fails = False

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Let every sync fail."""
        self._fails = True
        yield
        self._fails = False

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection."""
        server = sync_server.SyncServer(connection)
        sync = server.methods["sync"]
        server.methods["sync"] = lambda request_id, path: sync(request_id, b"/nowhere" if self._fails else path)
        server.run()
