"""aiohttp's connection protocol with limits and short log lines.

aiohttp limits each header but not their sum, accepts any number of connections, and logs errors of its parser with a
traceback that contains the client's bytes.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_service.http.connections.limiter import ConnectionLimiter
    from media_service.http.connections.rate_limited_log import RateLimitedLog

MAX_READ_BYTES = 1024 * 1024
"""Most bytes that are read from a socket at once: the largest block."""

MAX_HEADERS_BYTES = 64 * 1024  # with the request line; browsers and proxies send less than 4 KiB

# Headers of responses to invalid requests, which do not pass the application's signals.
ERROR_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
HEADERS_TOO_LARGE_RESPONSE = b"".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n",
        *(f"{name}: {value}\r\n".encode() for name, value in ERROR_HEADERS.items()),
        b"\r\n",
    )
)


class LimitedProtocol(web.RequestHandler):
    """One connection, counted by `limiter`. `send_timeout`: seconds without progress before sending is given up.

    `read_bytes`: how many are read from the socket at once, at most MAX_READ_BYTES.

    Uses two private names of aiohttp, for want of public ones: `_waiter`, a future that is pending while no request is
    being handled, and `_handle_request`, which runs from a request's headers to the end of the response.
    """

    __slots__ = ("_header_bytes", "_limiter", "_malformed_log", "_read_bytes", "_refused_log", "_send_timeout")

    def __init__(
        self,
        manager: web.Server,
        limiter: ConnectionLimiter,
        malformed_log: RateLimitedLog,
        refused_log: RateLimitedLog,
        *,
        send_timeout: float,
        read_bytes: int,
        **options: Any,
    ) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **options)
        self._limiter = limiter
        self._malformed_log = malformed_log
        self._refused_log = refused_log
        self._send_timeout = send_timeout
        self._read_bytes = read_bytes
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, or close it if it was not admitted."""
        address = _peer_address(transport)
        if not address:
            # The client reset it before it was accepted. What it sent can be read all the same, and would come from
            # nowhere: without the limits of its address.
            cast("asyncio.Transport", transport).abort()
        elif self._limiter.admit(self, address):
            _set_send_timeout(transport, self._send_timeout)
            _set_read_bytes(transport, self._read_bytes)
            super().connection_made(transport)
        else:
            self._refused_log.write("", address=address)
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection from the limiter."""
        self._limiter.remove(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def close_if_unused(self) -> None:
        """Close the connection unless a request is being received or handled.

        aiohttp's own `pre_shutdown` closes all for reading: the rest of a body that is being received would be lost.
        """
        if self._waiter is not None and not self._waiter.done() and not self._header_bytes:
            self.force_close()

    def pause_writing(self) -> None:
        """Mark the connection as idle while the client does not read."""
        super().pause_writing()
        self._limiter.set_idle(self)

    def resume_writing(self) -> None:
        """Mark the connection as busy again."""
        super().resume_writing()
        if self._request_in_progress:
            self._limiter.set_busy(self)

    @contextmanager
    def evictable(self) -> Iterator[None]:
        """Count the connection as idle while the rest of a request is awaited."""
        self._limiter.set_idle(self)
        try:
            yield
        finally:
            self._limiter.set_busy(self)

    def data_received(self, data: bytes) -> None:
        """Parse; respond with 431 and close the connection if incomplete headers exceed MAX_HEADERS_BYTES."""
        super().data_received(data)
        if self._waiter is None or self._waiter.done():
            return
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADERS_BYTES and self.transport is not None:
            self._log_malformed("HeadersTooLarge")
            self.transport.write(HEADERS_TOO_LARGE_RESPONSE)
            self.force_close()

    async def _handle_request(self, *request: Any) -> tuple[web.StreamResponse, bool]:
        self._header_bytes = 0
        self._limiter.set_busy(self)
        try:
            return await super()._handle_request(*request)
        finally:
            self._limiter.set_idle(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return a 400 for a parser error, without the client's bytes."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._log_malformed(type(exc).__name__)
        body = {"type": "about:blank", "title": "Bad Request", "status": 400, "code": "bad_request"}
        body["detail"] = "This is not a well-formed HTTP request."
        response = web.json_response(body, status=400, headers=ERROR_HEADERS, content_type="application/problem+json")
        response.force_close()
        return response

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log an error from aiohttp: one line if the client caused it, nothing for a lost connection."""
        error = options.get("exc_info")
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            self._log_malformed(type(error).__name__)
        elif not isinstance(error, TimeoutError | ConnectionError):
            super().log_exception(*args, **options)

    def _log_malformed(self, error: str) -> None:
        # Only the error's name: its message contains what the client sent, such as an Authorization field.
        address = "" if self.transport is None else _peer_address(self.transport)
        self._malformed_log.write(address, address=address, error=error)


def evictable(request: web.Request) -> AbstractContextManager[None]:
    """Return a context in which the request's connection counts as idle."""
    protocol = request.protocol
    return protocol.evictable() if isinstance(protocol, LimitedProtocol) else nullcontext()


def _set_send_timeout(transport: asyncio.BaseTransport, seconds: float) -> None:
    """Let the kernel close the connection if the client accepts no data for `seconds` (Linux only)."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
        transport.get_extra_info("socket").setsockopt(*option)


def _set_read_bytes(transport: asyncio.BaseTransport, size: int) -> None:
    """Read up to so many bytes at once from the socket, where asyncio reads 256 KiB."""
    # asyncio has no setting for it, but its transports of sockets have this attribute.
    if hasattr(transport, "max_size"):
        transport.max_size = size


def _peer_address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
