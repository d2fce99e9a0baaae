"""Persons of a running server, entered into its catalogue."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING

from media_service.access.credentials import token_digest
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.core.accounts import Owner, OwnerKind, Token, TokenKind
from media_service.ipc.client import RpcClient
from media_service.ipc.unix_socket import connect_to_service
from media_service.storage.data_folder import DataFolder

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
    folder, rpc = DataFolder(server.data), RpcClient()
    await rpc.connect(await connect_to_service(folder.sidecar_socket, "catalogue"))
    catalogue = SqliteCatalogue(folder.catalogue, rpc)
    await catalogue.open()
    try:
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
        assert await catalogue.accounts.add_owner(person, name)
        token = Token(
            id=secrets.token_urlsafe(16),
            kind=TokenKind.API,
            owner=person.id,
            created_at=1,
            scopes=person.scopes,
            collection=only,
        )
        await catalogue.accounts.add_token(token, token_digest(secret))
        return secret
    finally:
        await rpc.close()
        await catalogue.close()
