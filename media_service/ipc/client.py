"""RPC client for asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from media_service.ipc.framing import NOTIFICATION_ID, FrameDecoder, encode_frame

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class ConnectionLost(Exception):
    """The server process died; it may have executed the request or not."""


class RpcClient(asyncio.Protocol):
    """Send requests to a service of the sidecar, those of one event-loop iteration with one write.

    Responses may arrive in any order. After a lost connection the client can be connected again.
    """

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._decoder = FrameDecoder()
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._unsent: list[bytes] = []
        self._last_id = NOTIFICATION_ID
        self._notified: Callable[[Any], None] | None = None
        self._congested = False
        self._closed = asyncio.Event()
        self._closed.set()

    async def connect(self, connection: socket.socket) -> None:
        """Use this socket from now on, and own it."""
        self._decoder = FrameDecoder()
        self._congested = False
        self._closed.clear()
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=connection)
        self._transport = transport

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is open."""
        return self._transport is not None

    @property
    def is_congested(self) -> bool:
        """Return whether the server reads more slowly than messages are sent: 64 KiB wait in this process."""
        return self._congested

    def listen(self, notified: Callable[[Any], None]) -> None:
        """Call `notified` with each notification of the server. It must not raise."""
        self._notified = notified

    def call(self, request: Any) -> asyncio.Future[Any]:
        """Return a future of the result, or of ConnectionLost. Raise ValueError if the request is not a plain value."""
        pending: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            pending.set_exception(ConnectionLost())
            return pending
        self._last_id += 1
        self._send(self._last_id, request)
        self._pending[self._last_id] = pending
        return pending

    def notify(self, message: Any) -> None:
        """Send a message without a response, after the requests before it. Do nothing if not connected."""
        if self._transport is not None:
            self._send(NOTIFICATION_ID, message)

    async def close(self) -> None:
        """Send what is buffered, wait for every response, and close the connection."""
        await asyncio.wait([*self._pending.values(), asyncio.ensure_future(asyncio.sleep(0))])
        if self._transport is not None:
            self._transport.close()
        await self._closed.wait()

    async def wait_closed(self) -> None:
        """Return when the connection is closed or lost."""
        await self._closed.wait()

    def data_received(self, received: bytes) -> None:
        """Deliver results to their callers, and notifications to the listener."""
        for results in self._decoder.feed(received):
            for request_id, result in results:
                if request_id == NOTIFICATION_ID:
                    if self._notified is not None:
                        self._notified(result)
                    continue
                pending = self._pending.pop(request_id)
                if not pending.done():
                    pending.set_result(result)

    def pause_writing(self) -> None:
        """Note that the server does not keep up."""
        self._congested = True

    def resume_writing(self) -> None:
        """Note that the server keeps up again."""
        self._congested = False

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail every pending call with ConnectionLost."""
        self._transport = None
        self._unsent.clear()
        abandoned, self._pending = self._pending, {}
        for pending in abandoned.values():
            if not pending.done():
                pending.set_exception(ConnectionLost())
        self._closed.set()

    def _send(self, request_id: int, message: Any) -> None:
        frame = encode_frame((request_id, message))
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(frame)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and unsent:
            self._transport.write(b"".join(unsent))
