"""`media-service show`: add, list and archive collections."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from media_service.commands.catalogue import OPERATOR, rows, run
from media_service.commands.options import EXIT_USAGE, Config, DataDir, bytes_of, end_with, load_settings
from media_service.core.collections import CollectionChanges

if TYPE_CHECKING:
    from media_service.access.assembly import AccessParts


show = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Collections: shows, podcasts, fonds.")

Slug = Annotated[str, typer.Argument(help="Its name in URLs: a-z, 0-9 and -, which never changes.")]


@show.command()
def add(
    slug: Slug,
    *,
    title: Annotated[str, typer.Option(help="Its title.")],
    tag: Annotated[list[str] | None, typer.Option(help="A default tag, such as genre=Talk; several.")] = None,
    size: Annotated[str | None, typer.Option("--bytes", help="Bytes for it, such as 200GiB [no limit].")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Add a collection, and print its slug."""
    tags, bytes_max = dict(_tag(text) for text in tag or []), bytes_of(size)

    async def command(access: AccessParts) -> None:
        made = await access.collections.create(OPERATOR, slug, title, default_tags=tags, bytes_max=bytes_max)
        typer.echo(made.slug)

    run(load_settings(config, data_dir=data_dir)[0], command)


@show.command(name="list")
def list_shows(data_dir: DataDir = None, config: Config = None) -> None:
    """Print a line for each, by slug: slug, title, `open` or `archived`, files and bytes, separated by tabs."""

    async def command(access: AccessParts) -> None:
        async for each, usage in rows(partial(access.collections.page, None)):
            state = "open" if each.archived_at is None else "archived"
            typer.echo(f"{each.slug}\t{each.title}\t{state}\t{usage.files}\t{usage.bytes}")

    run(load_settings(config, data_dir=data_dir)[0], command)


@show.command()
def archive(
    slug: Slug,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let it take uploads again.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """End a collection: it takes no new uploads, and keeps its files."""

    async def command(access: AccessParts) -> None:
        await access.collections.change(OPERATOR, slug, CollectionChanges(archived=not undo))

    run(load_settings(config, data_dir=data_dir)[0], command)


def _tag(text: str) -> tuple[str, str]:
    """Return name and value; end the program if there is no `=`."""
    name, equals, value = text.partition("=")
    if not equals:
        end_with("--tag must be a name and a value, such as genre=Talk", EXIT_USAGE)
    return name.strip(), value
