"""Collections of a running server, and people who may work in them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tests.support.api import Api
from tests.support.people import token_of_new_person

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.access import Role
    from tests.support.server import Server

COLLECTIONS = "/api/v1/collections"


def as_caller(api: Api, token: str) -> Api:
    """Return a client with this token."""
    caller = Api(api.session, api.url, token)
    caller.headers = caller.admin
    return caller


async def made(admin: Api, **members: Any) -> dict[str, Any]:
    """Return a new collection."""
    body = {"slug": f"show-{secrets.token_hex(6)}", "title": "Night"} | members
    response = await admin.request("POST", COLLECTIONS, json=body)
    assert response.status == 201, response
    assert response.headers["Location"].endswith(f"{COLLECTIONS}/{body['slug']}")
    found: dict[str, Any] = response.body
    return found


async def person(
    api: Api, server: Server, role: Role, collections: Iterable[dict[str, Any]] | None = (), **more: Any
) -> Api:
    """Return a client with the token of a new person, who may work in these collections; None for all."""
    ids = None if collections is None else [collection["id"] for collection in collections]
    return as_caller(api, await token_of_new_person(server, role, ids, **more))
