"""`media-service link`: add, list and revoke guest links."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from media_service.commands.catalogue import OPERATOR, rows, run
from media_service.commands.options import Config, DataDir, bytes_of, load_settings, seconds_of
from media_service.core.access import LINK_PREFIX
from media_service.core.guest_links import Ask
from media_service.core.times import MICROSECONDS
from media_service.health import page_url

if TYPE_CHECKING:
    from media_service.access.assembly import AccessParts
    from media_service.core.guest_links import LinkTerms, ListedLink


link = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Links by which guests send without an account.")


@link.command()
def add(
    title: Annotated[str, typer.Argument(help="What guests read first.")],
    *,
    note: Annotated[str, typer.Option(help="More for the guests to read.")] = "",
    ask: Annotated[list[str] | None, typer.Option(help="What is required: name, email or title; several.")] = None,
    files: Annotated[int | None, typer.Option(help="Maximum files; by default that of the settings.")] = None,
    size: Annotated[str | None, typer.Option("--bytes", help="Maximum bytes of all files, such as 2GiB.")] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="Time until its deadline, such as 12h or 14d, or `never`; by default that of the settings."),
    ] = None,
    collection: Annotated[str | None, typer.Option(help="The collection that the files are for, by its slug.")] = None,
    reference: Annotated[str | None, typer.Option(help="A text that uploads and files give back.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make a link, and print its URL: it is shown only now."""
    settings, _ = load_settings(config, data_dir=data_dir)
    seconds = None if expires is None else seconds_of(expires)
    terms: LinkTerms = {"title": title, "note": note, "files_max": files, "reference": reference}
    terms["asks"] = dict.fromkeys(ask or (), Ask.REQUIRED.value)
    terms["bytes_max"] = bytes_of(size)

    async def command(access: AccessParts) -> None:
        if expires is not None:
            terms["expires_at"] = None if seconds is None else access.links.now() + seconds * MICROSECONDS
        if collection is not None:
            terms["collection"] = (await access.collections.find(collection, None)).id
        _, secret = await access.links.create(OPERATOR, terms)
        typer.echo(f"{page_url(settings)}/u/{secret}")

    run(settings, command)


@link.command(name="list")
def list_links(data_dir: DataDir = None, config: Config = None) -> None:
    """Print a line for each link, newest first: id, title, state, deadline and finished files, separated by tabs."""

    async def command(access: AccessParts) -> None:
        async for listed in rows(partial(access.links.page, None)):
            typer.echo(_line(listed, access.links.now()))

    run(load_settings(config, data_dir=data_dir)[0], command)


@link.command()
def revoke(
    link_id: Annotated[str, typer.Argument(help="Id of the link, as `link list` prints it.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Close a link: it takes no more uploads. What was sent stays, and what is being sent goes on."""

    async def command(access: AccessParts) -> None:
        await access.links.close(OPERATOR, LINK_PREFIX + link_id, None)

    run(load_settings(config, data_dir=data_dir)[0], command)


def _line(listed: ListedLink, now: int) -> str:
    found = listed.link
    expires_at = None if found.expires_at is None else datetime.fromtimestamp(found.expires_at / MICROSECONDS, UTC)
    until = "never expires" if expires_at is None else f"{expires_at:%Y-%m-%d %H:%M} UTC"
    link_id = found.id.removeprefix(LINK_PREFIX)
    return f"{link_id}\t{found.title}\t{found.state(now).value}\t{until}\t{listed.usage.files}"
