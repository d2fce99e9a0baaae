"""Serves the application until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import warnings
from typing import TYPE_CHECKING

import structlog
from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web

from media_service.app import make_app
from media_service.config import Settings
from media_service.installation import Unfit
from media_service.operator_errors import explain
from media_service.storage.data_folder import FolderInUse

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_BUFFER = 256 * 1024
"""Bytes that a connection gathers before the socket is held back: one block."""

HEADER_LIMIT = 8190
"""Bytes of one header; longer ones are no client's of ours."""

LOCK_SECONDS = 0.001
"""Seconds for which a thread that walks frames may keep the interpreter from the event loop; Python's own 5 ms would be
paid anew for every block that is received meanwhile."""


def main() -> None:
    """Serves with the settings that the command line wrote down as JSON."""
    settings = Settings.model_validate_json(sys.argv[1])
    _log_to_stderr()
    sys.setswitchinterval(LOCK_SECONDS)
    try:
        asyncio.run(_serve(settings))
    except (Unfit, FolderInUse) as error:
        sys.exit(f"media-service: {error}")
    except OSError as error:
        sys.exit(f"media-service: {explain(error, settings)}")
    except KeyboardInterrupt:
        # Ctrl-C before it serves: while the catalogue is migrated, for example.
        sys.exit(128 + signal.SIGINT)


async def _serve(settings: Settings) -> None:
    # What clients write wrongly is no warning about this program.
    for malformed in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.filterwarnings("ignore", category=malformed)
    app, token = make_app(settings)
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        read_bufsize=READ_BUFFER,
        max_field_size=HEADER_LIMIT,
        shutdown_timeout=settings.shutdown_timeout,
    )
    await runner.setup()
    # What is loaded now stays for ever. The collector need not look through it again, with everybody waiting.
    gc.collect()
    gc.freeze()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        _greet(runner.addresses, settings, token)
        await _told_to_stop()
    finally:
        await runner.cleanup()


def _greet(addresses: Sequence[tuple[str, int]], settings: Settings, token: str) -> None:
    host, port = addresses[0][:2]
    page = f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base_path}"
    print(f"page   {page}/")
    print(f"admin  {page}/admin?token={token}", flush=True)
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


def _log_to_stderr() -> None:
    """Lines for people on a terminal, JSON for programs elsewhere."""
    on_terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
