"""The end of a line that asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from media_service.ipc.framing import NOTIFICATION_ID, FrameDecoder, encode_frame

if TYPE_CHECKING:
    import socket


class ConnectionLost(Exception):
    """The other end is gone: whether it did what it was asked, nobody knows."""


class RpcClient(asyncio.Protocol):
    """Asks a service of the process aside. Questions of one turn of the loop leave together, answers come as they may.

    It can be opened again, to another process, when it broke.
    """

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._unpacker = FrameDecoder()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._leaving: list[bytes] = []
        self._last = NOTIFICATION_ID
        self._lost = asyncio.Event()
        self._lost.set()

    async def open(self, end: socket.socket) -> None:
        """Speaks over this socket from now on."""
        self._unpacker = FrameDecoder()
        self._lost.clear()
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=end)
        self._transport = transport

    @property
    def is_open(self) -> bool:
        """Whether somebody is there."""
        return self._transport is not None

    def ask(self, question: Any) -> asyncio.Future[Any]:
        """The answer, or ConnectionLost. Raises ValueError for what is no plain value."""
        asking: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            asking.set_exception(ConnectionLost())
            return asking
        self._last += 1
        self._send(self._last, question)
        self._waiting[self._last] = asking
        return asking

    def tell(self, notice: Any) -> None:
        """Says something behind what was asked before. Nobody hears it when the line is broken."""
        if self._transport is not None:
            self._send(NOTIFICATION_ID, notice)

    async def close(self) -> None:
        """Says what is still to be said, waits for every answer, and closes."""
        await asyncio.wait([*self._waiting.values(), asyncio.ensure_future(asyncio.sleep(0))])
        if self._transport is not None:
            self._transport.close()
        await self._lost.wait()

    async def lost(self) -> None:
        """Returns when the line is closed or broken."""
        await self._lost.wait()

    def data_received(self, received: bytes) -> None:
        """Answers came."""
        for answers in self._unpacker.feed(received):
            for number, given in answers:
                asking = self._waiting.pop(number)
                if not asking.done():
                    asking.set_result(given)

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever waits hears of it."""
        self._transport = None
        self._leaving.clear()
        waiting, self._waiting = self._waiting, {}
        for asking in waiting.values():
            if not asking.done():
                asking.set_exception(ConnectionLost())
        self._lost.set()

    def _send(self, number: int, what: Any) -> None:
        packed = encode_frame((number, what))
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._leave)
        self._leaving.append(packed)

    def _leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        if self._transport is not None and leaving:
            self._transport.write(b"".join(leaving))
