"""Count requests for ids that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.covers import UnknownCover
from media_service.core.errors.uploads import UnknownUpload
from media_service.http.problems import HTTP_STATUS
from media_service.http.security.proxies import client_address

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from media_service.access.rates import Rates

UNCOUNTED = (UnknownUpload, UnknownCover)
"""Clients ask for the offsets of uploads that have expired, and pages for covers that files may not have."""


def unknown_ids_middleware(rates: Rates) -> Middleware:
    """Return a middleware that counts each 404 about an id, and makes one too many a 429.

    An id that exists is served all the same: others who share the address do not lose what they have.
    """

    @web.middleware
    async def count_unknown_ids(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except MediaServiceError as error:
            if HTTP_STATUS[type(error)] == 404 and not isinstance(error, UNCOUNTED):
                rates.unknown_id(client_address(request))
            raise

    return count_unknown_ids
