"""A receiver: it serves requests until the supervisor tells it to stop (SIGTERM) or to retire (SIGHUP)."""

from __future__ import annotations

import asyncio
import gc
import signal
import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web

from media_service.app import make_receiver
from media_service.http.connections.last_responses import LastResponses
from media_service.http.connections.limiter import ConnectionLimiter
from media_service.http.connections.protocol import MAX_READ_BYTES, LimitedProtocol
from media_service.http.connections.rate_limited_log import RateLimitedLog
from media_service.http.connections.tcp_site import TcpSite
from media_service.server.descriptor_limit import MIN_CONNECTIONS, max_connections_for, raise_descriptor_limit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Sequence

    from media_service.config.settings import Settings
    from media_service.http.connections.shares import Share

READ_BUFFER_BYTES = 256 * 1024
"""Half of the bytes that a connection buffers before it stops reading from the socket; a block may exceed it."""

FOLDER_READ_BYTES = 256 * 1024
"""Bytes that are read from a socket at once and then written to a file: blocks of 1 MiB cost a quarter more."""

OBJECTS_READ_BYTES = MAX_READ_BYTES
"""The same of slices that are sent on as objects: 8 MiB slices cost 15 % less than in blocks of 256 KiB."""

MAX_HEADER_BYTES = 8190
MAX_HEADERS = 64
"""Limits of a header field and of their number; browsers send about 20, a proxy adds at most 10."""

CANCEL_SECONDS = 1.0
"""Seconds that requests get to end once `shutdown_timeout` is over: appends are recorded up to their last byte."""


def run(
    settings: Settings, workers: int, listeners: Sequence[socket.socket], share: Share, report_ready: Callable[[], None]
) -> None:
    """Serve as one of `workers` receivers, which share the listening sockets."""
    # aiohttp warns of malformed headers of clients, which are no defect of this service.
    for malformed in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.filterwarnings("ignore", category=malformed)
    asyncio.run(_receive(settings, workers, listeners, share, report_ready))


async def _receive(
    settings: Settings, workers: int, listeners: Sequence[socket.socket], share: Share, report_ready: Callable[[], None]
) -> None:
    stop, retire = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGTERM, stop), (signal.SIGHUP, retire)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    app, last_responses = make_receiver(settings), LastResponses()
    app.on_response_prepare.append(last_responses.mark)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=CANCEL_SECONDS)
    await runner.setup()
    # Objects loaded so far are never freed; excluding them from garbage collection shortens its pauses.
    gc.collect()
    gc.freeze()
    try:
        limiter = _connection_limiter(settings, workers, share.publish)
        site = TcpSite(
            runner,
            _protocol_factory(runner, settings, limiter),
            listeners,
            RateLimitedLog("no descriptor is left for a new connection", lines_per_key=1),
            share=share,
            connections=limiter,
        )
        await site.start()
        report_ready()
        retires = await _first_of(stop.wait(), retire.wait())
        # The other receivers, if any, accept from now on; each of these connections ends with its next response.
        await site.stop_accepting()
        last_responses.begin()
        if retires:
            # An unused one ends after `keepalive_timeout`: closing it could lose a request that is on its way.
            await _first_of(limiter.wait_until_empty(), stop.wait())
        # Let connections that were just accepted reach the state in which they wait for a request.
        await asyncio.sleep(0)
        limiter.close_unused()
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.shutdown_timeout):
                await limiter.wait_until_empty()
    finally:
        await runner.cleanup()


async def _first_of(*waits: Coroutine[Any, Any, object]) -> int:
    """Return the number of the first of these that ends, and cancel the others."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    first = next(number for number, task in enumerate(tasks) if task.done())
    for task in tasks:
        task.cancel()
    return first


def _connection_limiter(settings: Settings, workers: int, note_end: Callable[[int], None]) -> ConnectionLimiter:
    """Return the limits of one receiver: its share of all connections."""
    limit = max(MIN_CONNECTIONS, max_connections_for(raise_descriptor_limit()) // workers)
    if settings.connections is not None:
        limit = -(-settings.connections // workers)
    return ConnectionLimiter(limit, settings.connections_per_address, note_end)


def _protocol_factory(
    runner: web.AppRunner, settings: Settings, limiter: ConnectionLimiter
) -> Callable[[], LimitedProtocol]:
    """Return a function that makes the protocol of a new connection."""
    assert runner.server is not None
    return partial(
        LimitedProtocol,
        runner.server,
        limiter,
        RateLimitedLog("malformed request"),
        RateLimitedLog("connection refused: all are busy", lines_per_key=1),
        send_timeout=settings.idle_timeout,
        read_bytes=OBJECTS_READ_BYTES if settings.store else FOLDER_READ_BYTES,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=settings.keepalive_timeout,
        read_bufsize=READ_BUFFER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
    )
