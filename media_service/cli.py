"""The command line: `media-service serve`, `migrate`, `settings` and `health`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from media_service import __version__
from media_service.config.describe import describe_settings
from media_service.config.loading import InvalidSettings, load_with_origins
from media_service.health import NotReady, check_ready
from media_service.server import serve as server
from media_service.startup import StartupError, migrate_catalogue
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from media_service.config.settings import Settings

EXIT_USAGE = 2
"""Exit status for an unusable command line, settings file or variable."""

# With markup, typer would parse a default in brackets as a style and omit it.
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of all data [var].")]
Host = Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one [8080].")]


@cli.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False) -> None:
    """Resumable uploads of large MP3 files."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@cli.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Serve the page, the admin and the API.

    These are 3 of the settings; `media-service settings` prints all of them, and docs/operator.md explains them.
    """
    given = {"host": host, "port": port, "data_dir": data_dir}
    server.serve(_settings(config, **given)[0], lambda: load_with_origins(config, **given)[0])


@cli.command()
def migrate(data_dir: DataDir = None, config: Config = None) -> None:
    """Migrate the catalogue to the newest schema; `serve` does it by itself."""
    folder = DataFolder(_settings(config, data_dir=data_dir)[0].data_dir)
    folder.make()
    try:
        migrate_catalogue(folder.catalogue)
    except (StartupError, OSError) as error:
        _exit(str(error))


@cli.command()
def settings(host: Host = None, port: Port = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Print every setting: its value, where it was set, and what it means."""
    typer.echo(describe_settings(*_settings(config, host=host, port=port, data_dir=data_dir)))


@cli.command()
def health(host: Host = None, port: Port = None, config: Config = None) -> None:
    """Check whether the service with these settings accepts new uploads: exit with status 0 if so, otherwise 1."""
    try:
        check_ready(_settings(config, host=host, port=port)[0])
    except NotReady as error:
        _exit(str(error))
    typer.echo("ready")


def main() -> None:
    """Run the command line."""
    cli()


def _settings(config: Path | None, **flags: object) -> tuple[Settings, dict[str, str]]:
    try:
        return load_with_origins(config, **flags)
    except InvalidSettings as error:
        _exit(str(error), EXIT_USAGE)


def _exit(message: str, status: int = 1) -> NoReturn:
    typer.echo(f"media-service: {message}", err=True)
    raise typer.Exit(status)
