"""Persons of a running server, entered into its catalogue."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING

from media_service.access.credentials import token_digest
from media_service.core.accounts import Owner, OwnerKind, Token, TokenKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.access import Role
    from tests.support.server import Server

_numbers = itertools.count()


async def token_of_new_person(
    server: Server, role: Role, collections: Iterable[str] | None = (), *, only: str | None = None
) -> str:
    """Return an API token with the scopes of a new person.

    `collections`: ids of those that the person may work in, None for all; `only`: that of the token.
    """
    name, secret = f"person {next(_numbers)} {secrets.token_hex(4)}", f"ms_{secrets.token_urlsafe(32)}"
    person = Owner(
        id=f"person:{secrets.token_urlsafe(16)}",
        kind=OwnerKind.PERSON,
        role=role,
        name=name,
        created_at=1,
        all_collections=collections is None,
        collections=frozenset(collections or ()),
    )
    token = Token(
        id=secrets.token_urlsafe(16),
        kind=TokenKind.API,
        owner=person.id,
        created_at=1,
        scopes=person.scopes,
        collection=only,
    )
    async with server.database.opened() as catalogue:
        assert await catalogue.accounts.add_owner(person, name)
        await catalogue.accounts.add_token(token, token_digest(secret))
    return secret
