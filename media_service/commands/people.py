"""`media-service person`: add, list, disable and invite persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from media_service.commands.catalogue import OPERATOR, rows, run
from media_service.commands.options import Config, DataDir, load_settings
from media_service.core.access import Role
from media_service.core.people import NewPerson, PersonChange
from media_service.health import page_url

if TYPE_CHECKING:
    from media_service.access.assembly import AccessParts
    from media_service.config.settings import Settings

person = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may send, edit and administer.")

Name = Annotated[str, typer.Argument(help="Name of the person, in any case.")]


@person.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the new person.")],
    *,
    role: Annotated[Role, typer.Option(help="What the person is trusted with.")] = Role.SENDER,
    collection: Annotated[list[str] | None, typer.Option(help="A collection to work in, by its slug; several.")] = None,
    all_collections: Annotated[bool, typer.Option("--all-collections", help="Every collection.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Add a person, and print the URL by which they sign in for the first time."""
    settings, _ = load_settings(config, data_dir=data_dir)

    async def command(access: AccessParts) -> None:
        collections = None if all_collections else await access.collections.ids(collection or [])
        added = await access.people.add(NewPerson(name, role, collections=collections), OPERATOR)
        await _print_invitation(access, settings, added.id)

    run(settings, command)


@person.command(name="list")
def list_people(data_dir: DataDir = None, config: Config = None) -> None:
    """Print a line for each person, newest first: name, role, and `active` or `disabled`, separated by tabs."""

    async def command(access: AccessParts) -> None:
        async for each in rows(access.people.listing):
            state = "active" if each.disabled_at is None else "disabled"
            typer.echo(f"{each.name}\t{each.role.value}\t{state}")

    run(load_settings(config, data_dir=data_dir)[0], command)


@person.command()
def disable(
    name: Name,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let the person sign in again.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """End all sessions and tokens of a person, who cannot sign in any more."""

    async def command(access: AccessParts) -> None:
        found = await access.people.named(name)
        await access.people.change(found.id, PersonChange(is_disabled=not undo), OPERATOR)

    run(load_settings(config, data_dir=data_dir)[0], command)


@person.command()
def invite(name: Name, data_dir: DataDir = None, config: Config = None) -> None:
    """Print a URL by which a person signs in once, within three days; earlier ones no longer work."""
    settings, _ = load_settings(config, data_dir=data_dir)

    async def command(access: AccessParts) -> None:
        await _print_invitation(access, settings, (await access.people.named(name)).id)

    run(settings, command)


async def _print_invitation(access: AccessParts, settings: Settings, person_id: str) -> None:
    secret, _ = await access.people.invite(person_id, OPERATOR)
    typer.echo(f"{page_url(settings)}/#invitation={secret}")
