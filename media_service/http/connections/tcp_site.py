"""Accept TCP connections, and pause if no file descriptor is left.

asyncio schedules one retry for each waiting connection after such an error. The retries multiply until they use a whole
core and fill the log: python/cpython#151615.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence, Sized

    from media_service.http.connections.rate_limited_log import RateLimitedLog
    from media_service.http.connections.shares import Share

ACCEPTS_PER_ITERATION = 64
RETRY_SECONDS = 1.0

TURN_SECONDS = 0.002
"""Seconds that other processes have to take a connection: their event loops are rarely busy for longer."""

ACCEPTS_PER_TURN = 1
"""Connections that a process takes which the others left: 500 a second while another one does not respond."""


class TcpSite(web.BaseSite):
    """Accept from listening sockets, which other processes share. `make_protocol` is called for each connection.

    `connections` are those that are open. While another process has fewer, this one waits a moment before it accepts.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        make_protocol: Callable[[], asyncio.Protocol],
        listeners: Sequence[socket.socket],
        error_log: RateLimitedLog,
        *,
        share: Share,
        connections: Sized,
    ) -> None:
        super().__init__(runner)
        self._make_protocol = make_protocol
        self._error_log = error_log
        self._listeners = list(listeners)
        self._share = share
        self._connections = connections
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def name(self) -> str:
        """Return the address of the first listening socket."""
        return str(self._listeners[0].getsockname())

    async def start(self) -> None:
        """Start accepting."""
        await super().start()
        self._share.publish(0)
        for listener in self._listeners:
            self._start_accepting(listener)

    async def stop_accepting(self) -> None:
        """Close the listening sockets of this process, and return when every accepted connection is served."""
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()
        self._share.leave()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Stop accepting connections."""
        await self.stop_accepting()
        await super().stop()

    def _start_accepting(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Accept until none waits, or until it is another process's turn."""
        for _ in range(ACCEPTS_PER_ITERATION):
            self._share.publish(len(self._connections) + len(self._tasks))
            if self._share.is_ahead():
                asyncio.get_running_loop().remove_reader(listener)
                asyncio.get_running_loop().call_later(TURN_SECONDS, self._accept_some, listener)
                return
            if not self._accept_one(listener):
                return

    def _accept_some(self, listener: socket.socket) -> None:
        """Accept what the others had time to take."""
        if listener in self._listeners:
            self._start_accepting(listener)
            for _ in range(ACCEPTS_PER_TURN):
                if not self._accept_one(listener):
                    return

    def _accept_one(self, listener: socket.socket) -> bool:
        """Return whether another connection may wait."""
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            self._pause_accepting(listener, error)
            return False
        self._serve(connection)
        return True

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
