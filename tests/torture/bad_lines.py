"""Requests over bad lines: each has a connection of its own, and some are cut, left open, or sent twice at once."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING

from tests.support.wire import WireResponse, send

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tests.support.server import Server

CUT_SHARE = 0.15
TWICE_SHARE = 0.2
MAX_STALE = 48
"""Connections that stay open in the middle of a request; the oldest is closed for the next one."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close() reset the connection."""


class BadLines:
    """Send requests to servers that are killed, any one of them; count what is cut, recorded, and answered twice.

    Status 0: no response came.
    """

    def __init__(self, servers: Sequence[Server], source: random.Random) -> None:
        self.servers = servers
        self.cuts = self.recorded = self.answered_twice = 0
        self._random = source
        self._stale: deque[asyncio.StreamWriter] = deque()

    async def send(self, message: bytes) -> WireResponse:
        """Return the response to a request that is sent with pauses."""
        most = len(message) // self._random.choice([1, 1, 2, 3]) + 1
        pieces = [message[at : at + most] for at in range(0, len(message), most)]
        try:
            response = await send(self._port(), *pieces, pause=self._random.uniform(0.001, 0.02))
        except (ConnectionError, asyncio.IncompleteReadError):
            # While a server does not run, requests must not be repeated without a pause.
            await asyncio.sleep(0.05)
            return WireResponse(0, "", {}, b"")
        self.recorded += response.status in (200, 204)
        return response

    async def send_roughly(self, message: bytes, cut: bytes, twin: bytes) -> list[WireResponse]:
        """Send the message once, with `twin` at the same time, or begin `cut`; return the responses of `message`."""
        fate = self._random.random()
        if fate < CUT_SHARE:
            await self.cut(cut)
            return []
        if fate < CUT_SHARE + TWICE_SHARE:
            responses = await asyncio.gather(self.send(message), self.send(twin))
            self.answered_twice += all(response.status for response in responses)
            return list(responses)
        return [await self.send(message)]

    async def cut(self, message: bytes) -> None:
        """Send a request up to somewhere in its body; then close the connection, reset it, or leave it open."""
        self.cuts += 1
        head = message.index(b"\r\n\r\n") + 4
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port())
            writer.write(message[: self._random.randrange(head, len(message) - 1)])
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(self._random.choice([0, 0.02]))
        how = self._random.choice(["close", "reset", "leave open"])
        if how == "leave open":
            self._stale.append(writer)
            if len(self._stale) <= MAX_STALE:
                return
            writer = self._stale.popleft()
        elif how == "reset" and not writer.is_closing():  # the server may have been killed meanwhile
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.close()

    def _port(self) -> int:
        return self._random.choice(self.servers).port

    def close(self) -> None:
        """Close the connections that were left open."""
        while self._stale:
            self._stale.popleft().close()
