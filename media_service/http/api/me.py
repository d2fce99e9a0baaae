"""Who the caller is, and what it may do: what clients ask first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from media_service.core.access import Scope
from media_service.core.quota import Allowance
from media_service.core.usage import NO_USAGE
from media_service.http.api.serializer import API_PREFIX

if TYPE_CHECKING:
    from media_service.access.collections import CollectionService
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.intake.uploads import UploadService

MOST_COLLECTIONS = 200


class MeApi:
    """Handle `/api/v1/me`."""

    def __init__(self, intake: UploadService, collections: CollectionService, authenticator: Authenticator) -> None:
        self._intake = intake
        self._collections = collections
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.get(f"{API_PREFIX}/me", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """Return the caller, also one without an account; `may_upload` says whether it needs one."""
        caller = await self._authenticator.identify(request)
        allowance = Allowance("", caller.limits, NO_USAGE)
        if caller.account is not None:
            allowance = await self._intake.allowance(caller.account)
        body = {
            "kind": caller.kind.value,
            "id": None if caller.account is None else caller.account.partition(":")[2],
            "name": caller.name,
            "role": None if caller.role is None else caller.role.value,
            "scopes": sorted(scope.value for scope in caller.scopes),
            "collections": await self._collections_of(caller),
            "limits": asdict(allowance.limits),
            "usage": asdict(allowance.usage),
            "signed_in": caller.is_known,
            "may_upload": Scope.UPLOAD in caller.scopes,
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def _collections_of(self, caller: Caller) -> list[dict[str, Any]] | None:
        """Return the collections that the caller may work in, None for all."""
        if caller.collections is None:
            return None
        if not caller.collections:
            return []
        page, _ = await self._collections.page(caller.collections, None, MOST_COLLECTIONS)
        return [{"slug": each.slug, "title": each.title} for each, _ in page if each.archived_at is None]
