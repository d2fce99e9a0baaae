"""The command line: `media-service serve`, `migrate`, `settings`, `health`, `usage`, and those of `commands/`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from media_service import __version__, adapters
from media_service.adapters import now
from media_service.commands.catalogue import OPERATOR
from media_service.commands.links import link
from media_service.commands.migrate_to import migrate_to
from media_service.commands.options import Catalogue, Config, DataDir, Store, end_with, load_settings
from media_service.commands.people import person
from media_service.commands.shows import show
from media_service.commands.tokens import token
from media_service.config.describe import describe_settings
from media_service.config.loading import load_with_origins
from media_service.core.audit import Action, make_entry
from media_service.health import NotReady, check_ready
from media_service.server import serve as server
from media_service.startup import StartupError
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from media_service.catalogue.usage_check import UsageRow

# With markup, typer would parse a default in brackets as a style and omit it.
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

cli.command()(migrate_to)
cli.add_typer(link, name="link")
cli.add_typer(person, name="person")
cli.add_typer(show, name="show")
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
def serve(
    host: Host = None,
    port: Port = None,
    *,
    data_dir: DataDir = None,
    catalogue: Catalogue = None,
    store: Store = None,
    config: Config = None,
) -> None:
    """Serve the page, the admin and the API.

    These are 5 of the settings; `media-service settings` prints all of them, and docs/operator.md explains them.
    """
    given = {"host": host, "port": port, "data_dir": data_dir, "catalogue": catalogue, "store": store}
    server.serve(load_settings(config, **given)[0], lambda: load_with_origins(config, **given)[0])


@cli.command()
def migrate(data_dir: DataDir = None, catalogue: Catalogue = None, config: Config = None) -> None:
    """Migrate the catalogue to the newest schema; `serve` does it by itself."""
    settings = load_settings(config, data_dir=data_dir, catalogue=catalogue)[0]
    folder = DataFolder(settings.data_dir)
    folder.make()
    try:
        adapters.migrate(settings, folder)
    except (StartupError, OSError) as error:
        end_with(str(error))


@cli.command()
def settings(
    host: Host = None,
    port: Port = None,
    *,
    data_dir: DataDir = None,
    catalogue: Catalogue = None,
    store: Store = None,
    config: Config = None,
) -> None:
    """Print every setting: its value, where it was set, and what it means; a password is left out."""
    given = {"host": host, "port": port, "data_dir": data_dir, "catalogue": catalogue, "store": store}
    typer.echo(describe_settings(*load_settings(config, **given)))


@cli.command()
def health(host: Host = None, port: Port = None, config: Config = None) -> None:
    """Check whether the service with these settings accepts new uploads: exit with status 0 if so, otherwise 1."""
    try:
        check_ready(load_settings(config, host=host, port=port)[0])
    except NotReady as error:
        end_with(str(error))
    typer.echo("ready")


@cli.command()
def usage(
    data_dir: DataDir = None,
    config: Config = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with status 1 if a sum is wrong.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Correct wrong sums.")] = False,
) -> None:
    """Print what counts for the quotas, as stored and as all uploads and files add up; also while the service runs."""
    loaded = load_settings(config, data_dir=data_dir)[0]
    folder = DataFolder(loaded.data_dir)
    try:
        if repair:
            rows = adapters.repair_usage(loaded, folder, make_entry(now(), OPERATOR, Action.USAGE_REPAIRED))
        else:
            rows = adapters.check_usage(loaded, folder)
    except StartupError as error:
        end_with(str(error))
    for row in rows:
        typer.echo(_describe_usage(row))
    if check and not repair and not all(row.is_right for row in rows):
        end_with("sums are wrong; `media-service usage --repair` corrects them")


def main() -> None:
    """Run the command line."""
    cli()


def _describe_usage(row: UsageRow) -> str:
    """Return one line about a row of usage, and about its wrong sums."""
    actual = asdict(row.actual)
    sums = [
        f"{name} {value}" + ("" if value == actual[name] else f" (wrong: {actual[name]})")
        for name, value in asdict(row.stored).items()
    ]
    return f"{row.id}: {', '.join(sums)}"
