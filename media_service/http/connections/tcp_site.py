"""Accept connections, also when no descriptor is left for one.

asyncio's own accepting goes on after such an error, with a retry of its own for every connection that waits, and the
retries multiply until they take a whole core and fill the log: python/cpython#151615.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.http.connections.rate_limited_log import LimitedLog

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted."""

AT_ONCE = 64
"""Connections that are accepted in one iteration of the loop."""

RETRY_SECONDS = 1.0


class Site(web.BaseSite):
    """Listen on a host and port, with `make_protocol` for each connection; `failed` logs what accepting met."""

    def __init__(
        self,
        runner: web.BaseRunner,
        make_protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        failed: LimitedLog,
    ) -> None:
        super().__init__(runner)
        self._make_protocol = make_protocol
        self._host = host
        self._port = port
        self._failed = failed
        self._listening: list[socket.socket] = []
        self._beginning: set[asyncio.Task[object]] = set()

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen."""
        await super().start()
        loop = asyncio.get_running_loop()
        # It resolves the host and binds, but accepts nothing.
        self._server = server = await loop.create_server(
            self._make_protocol, self._host, self._port, start_serving=False
        )
        for bound in server.sockets:
            listening = socket.socket(fileno=os.dup(bound.fileno()))
            listening.setblocking(False)
            listening.listen(BACKLOG)
            self._listening.append(listening)
            self._watch(listening)

    async def stop(self) -> None:
        """Accept nothing more."""
        for listening in self._listening:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        self._listening.clear()
        await super().stop()

    def _watch(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._wait_for_descriptors(listening, error)
                return
            self._begin(connection)

    def _wait_for_descriptors(self, listening: socket.socket, error: OSError) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(RETRY_SECONDS, self._watch, listening)
        self._failed.write("", error=str(error))

    def _begin(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(self._make_protocol, connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
