"""The command line: `media-service serve`, `migrate`, `settings`, `health`, and the commands of `commands/`."""

from __future__ import annotations

from typing import Annotated

import typer

from media_service import __version__
from media_service.commands.options import Config, DataDir, end_with, load_settings
from media_service.commands.people import person
from media_service.commands.tokens import token
from media_service.config.describe import describe_settings
from media_service.config.loading import load_with_origins
from media_service.health import NotReady, check_ready
from media_service.server import serve as server
from media_service.startup import StartupError, migrate_catalogue
from media_service.storage.data_folder import DataFolder

# With markup, typer would parse a default in brackets as a style and omit it.
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

cli.add_typer(person, name="person")
cli.add_typer(token, name="token")

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
    server.serve(load_settings(config, **given)[0], lambda: load_with_origins(config, **given)[0])


@cli.command()
def migrate(data_dir: DataDir = None, config: Config = None) -> None:
    """Migrate the catalogue to the newest schema; `serve` does it by itself."""
    folder = DataFolder(load_settings(config, data_dir=data_dir)[0].data_dir)
    folder.make()
    try:
        migrate_catalogue(folder.catalogue)
    except (StartupError, OSError) as error:
        end_with(str(error))


@cli.command()
def settings(host: Host = None, port: Port = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Print every setting: its value, where it was set, and what it means."""
    typer.echo(describe_settings(*load_settings(config, host=host, port=port, data_dir=data_dir)))


@cli.command()
def health(host: Host = None, port: Port = None, config: Config = None) -> None:
    """Check whether the service with these settings accepts new uploads: exit with status 0 if so, otherwise 1."""
    try:
        check_ready(load_settings(config, host=host, port=port)[0])
    except NotReady as error:
        end_with(str(error))
    typer.echo("ready")


def main() -> None:
    """Run the command line."""
    cli()
