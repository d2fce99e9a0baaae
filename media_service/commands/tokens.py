"""`media-service token`: add, list and revoke API tokens."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from media_service.commands.catalogue import OPERATOR, run
from media_service.commands.options import EXIT_USAGE, Config, DataDir, end_with, load_settings
from media_service.core.access import Scope

if TYPE_CHECKING:
    from media_service.access.assembly import AccessParts
    from media_service.core.accounts import Token

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
"""Seconds of the units of a lifetime."""

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
    lifetime = _lifetime(expires)

    async def command(access: AccessParts) -> None:
        owner = await access.people.named(person)
        only = None if collection is None else min(await access.names.ids([collection]))
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


def _lifetime(text: str) -> int | None:
    """Return the seconds of a lifetime, None for `never`; end the program if it is neither."""
    if text == "never":
        return None
    match = re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII)
    if match is None:
        end_with(f"--expires must be a number with {', '.join(UNITS)}, such as 90d, or never", EXIT_USAGE)
    return int(match[1]) * UNITS[match[2]]


def _state(found: Token) -> str:
    if found.revoked_at is not None:
        return "revoked"
    if found.expires_at is None:
        return "never expires"
    expires_at = datetime.fromtimestamp(found.expires_at / 1_000_000, UTC)
    word = "expires" if expires_at > datetime.now(UTC) else "expired"
    return f"{word} {expires_at:%Y-%m-%d %H:%M} UTC"
