"""Serve the application until a signal arrives."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web

from media_service.app import make_app
from media_service.http.connections.limiter import ConnectionLimiter
from media_service.http.connections.protocol import LimitedProtocol
from media_service.http.connections.rate_limited_log import RateLimitedLog
from media_service.http.connections.tcp_site import TcpSite
from media_service.logs import log_to_stderr
from media_service.server.bind_errors import explain_bind_error
from media_service.server.descriptor_limit import max_connections_for, raise_descriptor_limit
from media_service.startup import StartupError
from media_service.storage.data_folder import DataFolder, DataFolderLocked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.config.settings import Settings

READ_BUFFER_BYTES = 256 * 1024
"""Bytes that a connection buffers before it stops reading from the socket: one block."""

MAX_HEADER_BYTES = 8190
MAX_HEADERS = 64
"""Limits of a header field and of their number; browsers send about 20, a proxy adds at most 10."""

SWITCH_INTERVAL_SECONDS = 0.001
"""Seconds that a parsing thread may delay the event loop; Python's default of 5 ms would slow down every block."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Exit with a message if the service cannot start."""
    log_to_stderr()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    try:
        asyncio.run(_serve(settings))
    except (StartupError, DataFolderLocked) as error:
        sys.exit(f"media-service: {error}")
    except OSError as error:
        sys.exit(f"media-service: {explain_bind_error(error, settings)}")
    except KeyboardInterrupt:
        # Ctrl-C before the signal handlers are installed, for example during a migration.
        sys.exit(128 + signal.SIGINT)


async def _serve(settings: Settings) -> None:
    # aiohttp warns of malformed headers of clients, which are no defect of this service.
    for malformed in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.filterwarnings("ignore", category=malformed)
    app, token = make_app(settings)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=settings.shutdown_timeout)
    await runner.setup()
    # Objects loaded so far are never freed; excluding them from garbage collection shortens its pauses.
    gc.collect()
    gc.freeze()
    try:
        accept_log = RateLimitedLog("no descriptor is left for a new connection", lines_per_key=1)
        await TcpSite(runner, _protocol_factory(runner, settings), settings.host, settings.port, accept_log).start()
        _print_addresses(runner.addresses, settings, token)
        await _wait_for_signal()
    finally:
        await runner.cleanup()


def _protocol_factory(runner: web.AppRunner, settings: Settings) -> Callable[[], LimitedProtocol]:
    """Return a function that makes the protocol of a new connection."""
    assert runner.server is not None
    descriptors = raise_descriptor_limit()
    return partial(
        LimitedProtocol,
        runner.server,
        ConnectionLimiter(settings.connections or max_connections_for(descriptors), settings.connections_per_address),
        RateLimitedLog("malformed request"),
        RateLimitedLog("connection refused: all are busy", lines_per_key=1),
        send_timeout=settings.idle_timeout,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=settings.keepalive_timeout,
        read_bufsize=READ_BUFFER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
    )


def _print_addresses(addresses: Sequence[tuple[str, int]], settings: Settings, token: str) -> None:
    host, port = addresses[0][:2]
    page = f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base_path}"
    print(f"page   {page}/")
    if sys.stdout.isatty():
        print(f"admin  {page}/admin#token={quote(token, safe='')}")
    else:
        # Not the token itself: more people can read a log than the token's file.
        print(f"admin  {page}/admin  (token in {DataFolder(settings.data_dir.resolve()).token_file})")
    reach = "this machine only" if settings.on_loopback else f"every machine that reaches {settings.host}"
    print(f"open   to {reach}; who may come in: docs/operator.md")
    print("stop   with Ctrl-C", flush=True)


async def _wait_for_signal() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
