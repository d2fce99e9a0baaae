"""Accept TCP connections, and pause if no file descriptor is left.

asyncio schedules one retry for each waiting connection after such an error. The retries multiply until they use a whole
core and fill the log: python/cpython#151615.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.http.connections.rate_limited_log import RateLimitedLog

BACKLOG = 1024
ACCEPTS_PER_ITERATION = 64
RETRY_SECONDS = 1.0


class TcpSite(web.BaseSite):
    """Listen on a host and port. `make_protocol` is called for each connection."""

    def __init__(
        self,
        runner: web.BaseRunner,
        make_protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        error_log: RateLimitedLog,
    ) -> None:
        super().__init__(runner)
        self._make_protocol = make_protocol
        self._host = host
        self._port = port
        self._error_log = error_log
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def name(self) -> str:
        """Return the URL of the listening socket."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Start listening. Raise OSError."""
        await super().start()
        loop = asyncio.get_running_loop()
        # This server only resolves the host and binds; `_accept` accepts on duplicates of its sockets.
        self._server = server = await loop.create_server(
            self._make_protocol, self._host, self._port, start_serving=False
        )
        for bound in server.sockets:
            listener = socket.socket(fileno=os.dup(bound.fileno()))
            listener.setblocking(False)
            listener.listen(BACKLOG)
            self._listeners.append(listener)
            self._start_accepting(listener)

    async def stop(self) -> None:
        """Stop accepting connections."""
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()
        await super().stop()

    def _start_accepting(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_ITERATION):
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause_accepting(listener, error)
                return
            self._serve(connection)

    def _pause_accepting(self, listener: socket.socket, error: OSError) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(RETRY_SECONDS, self._start_accepting, listener)
        self._error_log.write("", error=str(error))

    def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(self._make_protocol, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
