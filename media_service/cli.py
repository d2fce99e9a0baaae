"""The command line: `media-service serve`, `migrate`, `settings` and `health`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from media_service import __version__
from media_service.config.describe import describe_settings
from media_service.config.loading import InvalidSettings, load_with_origins
from media_service.health import NotReady, check_ready
from media_service.startup import StartupError, migrate_catalogue
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from media_service.config.settings import Settings

ALLOCATOR = {"MALLOC_ARENA_MAX": "1"}
"""For glibc, which would give every thread a heap of its own and keep what was once free in each, 5 MiB with 200 slow
uploads: Python's lock lets one thread allocate at a time anyway."""

USAGE = 2
"""Exit status for a command line, a file or a variable that cannot be used, as of every program."""

# With markup a default in brackets would be taken for some, and left out.
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder for everything that is kept [var].")]
Host = Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one [8080].")]


@cli.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Resumable uploads of large MP3 files."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@cli.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Serve the page, the admin and the API.

    These are 3 of the settings; `media-service settings` prints all of them, and docs/operator.md explains them.
    """
    settings, _ = _settings(config, host=host, port=port, data_dir=data_dir)
    # The same process goes on as the one that serves, without what only read its settings: 4 MiB.
    written = settings.model_dump_json(exclude_defaults=True)
    command = (sys.executable, "-P", "-m", "media_service.serving", written)
    os.execve(command[0], command, ALLOCATOR | os.environ)  # noqa: S606  # there is nothing to expand


@cli.command()
def migrate(data_dir: DataDir = None, config: Config = None) -> None:
    """Bring the catalogue to the newest schema; `serve` does it by itself."""
    folder = DataFolder(_settings(config, data_dir=data_dir)[0].data_dir)
    folder.make()
    try:
        asyncio.run(migrate_catalogue(folder.catalogue))
    except (StartupError, OSError) as error:
        _end(str(error))


@cli.command()
def settings(host: Host = None, port: Port = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Print every setting: its value, where it was set, and what it means."""
    typer.echo(describe_settings(*_settings(config, host=host, port=port, data_dir=data_dir)))


@cli.command()
def health(host: Host = None, port: Port = None, config: Config = None) -> None:
    """Ask the service with these settings whether it takes new work; exit status 0 if it does, else 1."""
    try:
        check_ready(_settings(config, host=host, port=port)[0])
    except NotReady as error:
        _end(str(error))
    typer.echo("ready")


def main() -> None:
    """The program."""
    cli()


def _settings(config: Path | None, **flags: object) -> tuple[Settings, dict[str, str]]:
    try:
        return load_with_origins(config, **flags)
    except InvalidSettings as error:
        _end(str(error), USAGE)


def _end(message: str, status: int = 1) -> NoReturn:
    typer.echo(f"media-service: {message}", err=True)
    raise typer.Exit(status)
