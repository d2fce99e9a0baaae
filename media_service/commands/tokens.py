"""`media-service token`: add, list and revoke API tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from media_service.commands.catalogue import OPERATOR, run
from media_service.commands.options import Config, DataDir, load_settings, seconds_of
from media_service.core.access import Scope
from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from media_service.access.assembly import AccessParts
    from media_service.core.accounts import Token

EVERY_OWNER = ""

token = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="API tokens, by which scripts act for a person.")


@token.command()
def add(
    person: Annotated[str, typer.Argument(help="Name of the person for whom a script acts.")],
    *,
    name: Annotated[str, typer.Option(help="What the token is for.")],
    scope: Annotated[list[Scope], typer.Option(help="What it permits; several.")],
    expires: Annotated[str, typer.Option(help="Its lifetime, such as 12h or 90d, or `never`.")] = "90d",
    collection: Annotated[str | None, typer.Option(help="The only collection that it is for, by its slug.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make a token, and print it: it is shown only now."""
    lifetime = seconds_of(expires)

    async def command(access: AccessParts) -> None:
        owner = await access.people.named(person)
        only = None if collection is None else (await access.collections.find(collection, None)).id
        _, secret = await access.tokens.add(owner.id, name, scope, OPERATOR, lifetime=lifetime, collection=only)
        typer.echo(secret)

    run(load_settings(config, data_dir=data_dir)[0], command)


@token.command(name="list")
def list_tokens(
    person: Annotated[str | None, typer.Argument(help="Name of the person; without one, all tokens.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print a line for each token, newest first: id, person, name, scopes and state, separated by tabs."""

    async def command(access: AccessParts) -> None:
        owner = EVERY_OWNER if person is None else (await access.people.named(person)).id
        found = await access.tokens.of(owner)
        names = await access.tokens.names_of(each.owner for each in found if each.owner is not None)
        for each in found:
            scopes = ",".join(scope.value for scope in Scope if scope in each.scopes)
            typer.echo(f"{each.id}\t{names.get(each.owner or '', '')}\t{each.name}\t{scopes}\t{_state(each)}")

    run(load_settings(config, data_dir=data_dir)[0], command)


@token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Id of the token, as `token list` prints it.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Revoke a token: every process refuses it within a second."""

    async def command(access: AccessParts) -> None:
        await access.tokens.revoke(token_id, EVERY_OWNER, OPERATOR)

    run(load_settings(config, data_dir=data_dir)[0], command)


def _state(found: Token) -> str:
    if found.revoked_at is not None:
        return "revoked"
    if found.expires_at is None:
        return "never expires"
    expires_at = datetime.fromtimestamp(found.expires_at / MICROSECONDS, UTC)
    word = "expires" if expires_at > datetime.now(UTC) else "expired"
    return f"{word} {expires_at:%Y-%m-%d %H:%M} UTC"
