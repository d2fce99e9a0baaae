"""The command line: `media-service serve` and `media-service migrate`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ValidationError

from media_service import __version__
from media_service.given import load
from media_service.installation import Unfit, bring_up_to_date
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from media_service.config import Settings

ALLOCATOR = {"MALLOC_ARENA_MAX": "1"}
"""For glibc, which would give every thread a heap of its own and keep what was once free in each, 5 MiB with 200 slow
uploads: Python's lock lets one thread allocate at a time anyway."""

# With markup a default in brackets would be taken for some, and left out.
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


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
    # The same process goes on as the one that serves, without what only read its settings: 4 MiB.
    written = settings.model_dump_json(exclude_defaults=True)
    command = (sys.executable, "-P", "-m", "media_service.serving", written)
    os.execve(command[0], command, ALLOCATOR | os.environ)  # noqa: S606  # there is nothing to expand


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


def _settings(config: Path | None, **flags: object) -> Settings:
    try:
        return load(config, **flags)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        _end(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}")


def _end(message: str) -> NoReturn:
    typer.echo(f"media-service: {message}", err=True)
    raise typer.Exit(1)
