"""Serves the application until it is told to stop."""

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
from media_service.config.settings import Settings
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

READ_BUFFER = 256 * 1024
"""Bytes that a connection gathers before the socket is held back: one block."""

HEADER_LIMIT = 8190
"""Bytes of one header; longer ones are no client's of ours."""

HEADERS = 64
"""Headers of one request; browsers send 20, and a proxy adds 10 at most."""

LOCK_SECONDS = 0.001
"""Seconds for which a thread that walks frames may keep the interpreter from the event loop; Python's own 5 ms would be
paid anew for every block that is received meanwhile."""


def main() -> None:
    """Serves with the settings that the command line wrote down as JSON."""
    settings = Settings.model_validate_json(sys.argv[1])
    log_to_stderr()
    sys.setswitchinterval(LOCK_SECONDS)
    try:
        asyncio.run(_serve(settings))
    except (StartupError, DataFolderLocked) as error:
        sys.exit(f"media-service: {error}")
    except OSError as error:
        sys.exit(f"media-service: {explain_bind_error(error, settings)}")
    except KeyboardInterrupt:
        # Ctrl-C before it serves: while the catalogue is migrated, for example.
        sys.exit(128 + signal.SIGINT)


async def _serve(settings: Settings) -> None:
    # What clients write wrongly is no warning about this program.
    for malformed in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.filterwarnings("ignore", category=malformed)
    app, token = make_app(settings)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=settings.shutdown_timeout)
    await runner.setup()
    # What is loaded now stays for ever. The collector need not look through it again, with everybody waiting.
    gc.collect()
    gc.freeze()
    try:
        failed = RateLimitedLog("no descriptor is left for a new connection", lines_per_key=1)
        await TcpSite(runner, _protocols(runner, settings), settings.host, settings.port, failed).start()
        _greet(runner.addresses, settings, token)
        await _told_to_stop()
    finally:
        await runner.cleanup()


def _protocols(runner: web.AppRunner, settings: Settings) -> Callable[[], LimitedProtocol]:
    """Return what makes the protocol of each new connection."""
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
        read_bufsize=READ_BUFFER,
        max_field_size=HEADER_LIMIT,
        max_headers=HEADERS,
    )


def _greet(addresses: Sequence[tuple[str, int]], settings: Settings, token: str) -> None:
    host, port = addresses[0][:2]
    page = f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base_path}"
    print(f"page   {page}/")
    if sys.stdout.isatty():
        print(f"admin  {page}/admin#token={quote(token, safe='')}")
    else:
        # Not the token: this ends in a log that more people read than its file.
        print(f"admin  {page}/admin  (token in {DataFolder(settings.data_dir.resolve()).token_file})")
    _advise(settings)


def _advise(settings: Settings) -> None:
    reach = "this machine only" if settings.on_loopback else f"every machine that reaches {settings.host}"
    print(f"open   to {reach}; who may come in: docs/operator.md")
    print("stop   with Ctrl-C", flush=True)


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
