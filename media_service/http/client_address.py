"""The address of a request's client, as quotas count it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.addresses import address_key

if TYPE_CHECKING:
    from aiohttp import web


def client_address(request: web.Request) -> str | None:
    """Return the key of the client's address; None if the connection has none, such as a Unix socket."""
    return None if not request.remote else address_key(request.remote)
