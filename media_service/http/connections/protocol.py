"""The connections of the HTTP server: aiohttp's protocol with limits, and with errors of its parser told in one line.

aiohttp bounds each header but not all of them together, keeps any number of connections, and logs what its parser
refuses with a traceback that repeats the client's bytes.
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

MAX_HEADERS_BYTES = 64 * 1024
"""Bytes of a request's line and headers together; browsers and proxies send less than 4 KiB."""

ERROR_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Of answers to what is no request: no handler sees it, so nothing else adds them."""

HEADERS_TOO_LARGE_RESPONSE = b"".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n",
        *(f"{name}: {value}\r\n".encode() for name, value in ERROR_HEADERS.items()),
        b"\r\n",
    )
)


class LimitedProtocol(web.RequestHandler):
    """One connection, counted by `limiter`.

    `send_timeout` is how many seconds a client may take nothing of a response.
    `_waiter` and `_handle_request` are aiohttp's own: a future that is pending while no request is there, and the time
    from a request's headers to the end of the response. aiohttp has no public name for either.
    """

    __slots__ = ("_header_bytes", "_limiter", "_malformed_log", "_refused_log", "_send_timeout")

    def __init__(
        self,
        manager: web.Server,
        limiter: ConnectionLimiter,
        malformed_log: RateLimitedLog,
        refused_log: RateLimitedLog,
        *,
        send_timeout: float,
        **options: Any,
    ) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **options)
        self._limiter = limiter
        self._malformed_log = malformed_log
        self._refused_log = refused_log
        self._send_timeout = send_timeout
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, or close the connection if there is no room for it."""
        address = _peer_address(transport)
        if self._limiter.admit(self, address):
            _set_send_timeout(transport, self._send_timeout)
            super().connection_made(transport)
        else:
            self._refused_log.write("", address=address)
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room for another."""
        self._limiter.remove(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Wait for a client that does not read; it does so until another connection needs the place."""
        super().pause_writing()
        self._limiter.set_idle(self)

    def resume_writing(self) -> None:
        """Go on with the response."""
        super().resume_writing()
        if self._request_in_progress:
            self._limiter.set_busy(self)

    @contextmanager
    def evictable(self) -> Iterator[None]:
        """Let the connection be closed for another one while the rest of a request is waited for."""
        self._limiter.set_idle(self)
        try:
            yield
        finally:
            self._limiter.set_busy(self)

    def data_received(self, data: bytes) -> None:
        """Parse, and end the connection if its headers are too large and still not complete."""
        super().data_received(data)
        if self._waiter is None or self._waiter.done():
            return
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADERS_BYTES and self.transport is not None:
            self._malformed_log.write(
                _peer_address(self.transport), address=_peer_address(self.transport), error="HeadersTooLarge"
            )
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
        """Answer what the parser refused, without a byte of it."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._log_malformed(exc)
        body = {"type": "about:blank", "title": "Bad Request", "status": 400, "code": "bad_request"}
        body["detail"] = "This is not a well-formed HTTP request."
        response = web.json_response(body, status=400, headers=ERROR_HEADERS, content_type="application/problem+json")
        response.force_close()
        return response

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log an error of aiohttp's; one line if the client's bytes are its cause."""
        error = options.get("exc_info")
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            self._log_malformed(error)
        elif not isinstance(error, TimeoutError | ConnectionError):
            # The client closed the connection, or took nothing for `send_timeout`: that is no error of the service.
            super().log_exception(*args, **options)

    def _log_malformed(self, error: BaseException) -> None:
        # Only the kind of the error: its message repeats what the client sent, an Authorization field for example.
        address = "" if self.transport is None else _peer_address(self.transport)
        self._malformed_log.write(address, address=address, error=type(error).__name__)


def evictable(request: web.Request) -> AbstractContextManager[None]:
    """Return a context for waiting for a request's rest: its connection then counts as idle."""
    protocol = request.protocol
    return protocol.evictable() if isinstance(protocol, LimitedProtocol) else nullcontext()


def _set_send_timeout(transport: asyncio.BaseTransport, seconds: float) -> None:
    """Let the kernel end the connection when for so long the client takes nothing of what it is sent."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
        transport.get_extra_info("socket").setsockopt(*option)


def _peer_address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
