"""RPC services of the sidecar in a thread of the test."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from media_service.catalogue.commit_server import CommitServer, open_for_writing
from media_service.ipc.client import RpcClient
from media_service.storage.sync import server as sync_server

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable
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
async def storage_rpc() -> AsyncIterator[RpcClient]:
    """Yield a client of the sync server."""
    async with served(RpcClient(), sync_server.serve) as client:
        yield client
