"""A TCP proxy that can fall silent, as a machine that died or a network that lost its way: nothing is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType


class SilentProxy:
    """Forward connections to the server of a URL; `url` is that of the proxy, once it runs by `async with`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._talks = asyncio.Event()
        self._talks.set()

    def fall_silent(self) -> None:
        """Forward nothing from now on."""
        self._talks.clear()

    def talk(self) -> None:
        """Forward again, also what came meanwhile."""
        self._talks.set()

    async def __aenter__(self) -> Self:
        parts = urlsplit(self.url)
        host, port = parts.hostname, parts.port

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(host, port)
            for source, target in ((reader, far_writer), (far_reader, writer)):
                self._tasks.add(asyncio.create_task(self._copy(source, target)))

        self._server = await asyncio.start_server(forward, "127.0.0.1")
        own = self._server.sockets[0].getsockname()[1]
        self.url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{own}").geturl()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while received := await source.read(65536):
                await self._talks.wait()
                target.write(received)
        finally:
            target.close()
