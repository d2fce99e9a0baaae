"""The command line: `media-service serve` and `media-service migrate`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
import typer
from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web
from pydantic import ValidationError

from media_service import __version__
from media_service.app import Unfit, bring_up_to_date, make_app
from media_service.config import Settings, load
from media_service.storage.data_folder import DataFolder, FolderInUse

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_BUFFER = 256 * 1024
"""Bytes that a connection gathers before the socket is held back: one block."""

HEADER_LIMIT = 8190
"""Bytes of one header; longer ones are no client's of ours."""

LOCK_SECONDS = 0.001
"""Seconds for which a thread that walks frames may keep the interpreter from the event loop; Python's own 5 ms would be
paid anew for every block that is received meanwhile."""

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@cli.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Resumable uploads of large MP3 files."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one [8080].")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for everything that is kept [var].")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
) -> None:
    """Serve the page, the admin and the API."""
    settings = _settings(config, host=host, port=port, data=data)
    _log_to_stderr()
    sys.setswitchinterval(LOCK_SECONDS)
    try:
        asyncio.run(_serve(settings))
    except (Unfit, FolderInUse, OSError) as error:
        _end(str(error))


@cli.command()
def migrate(
    data: Annotated[Path | None, typer.Option(help="The data folder [var].")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
) -> None:
    """Bring the catalogue to the newest schema; `serve` does it by itself."""
    folder = DataFolder(_settings(config, data=data).data)
    folder.make()
    try:
        asyncio.run(bring_up_to_date(folder.catalogue))
    except (Unfit, OSError) as error:
        _end(str(error))


def main() -> None:
    """The program."""
    cli()


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
    typer.echo(f"page   {page}/")
    typer.echo(f"admin  {page}/admin?token={token}")
    sys.stdout.flush()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _settings(config: Path | None, **flags: object) -> Settings:
    try:
        return load(config, **flags)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        _end(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}")


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


def _end(message: str) -> NoReturn:
    typer.echo(f"media-service: {message}", err=True)
    raise typer.Exit(1)
