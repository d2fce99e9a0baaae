"""The figures of the start page over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from media_service.core.access import Scope
from media_service.http.api.caller_collections import listed_by
from media_service.http.api.query_values import moment
from media_service.http.api.serializer import API_PREFIX

if TYPE_CHECKING:
    from media_service.access.collections import CollectionService
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.intake.overview import OverviewService
    from media_service.intake.uploads import UploadService

MOST_COLLECTIONS = 200


class OverviewApi:
    """Handle `/api/v1/overview`."""

    def __init__(
        self,
        overview: OverviewService,
        intake: UploadService,
        collections: CollectionService,
        authenticator: Authenticator,
    ) -> None:
        self._overview = overview
        self._intake = intake
        self._collections = collections
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.get(f"{API_PREFIX}/overview", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """Return what arrived and was rejected since `since`, or midnight in UTC, and what there is. Needs scope read.

        Of what the caller may see. The disk is for scope admin.
        """
        caller = await self._authenticator.require(request, Scope.READ)
        listed = await listed_by(request, caller, self._collections)
        since = moment(request.query, "since")
        counts = await self._overview.counts(since, owner=listed.owner, collections=listed.collections)
        disk = await self._overview.disk_usage() if Scope.ADMIN in caller.scopes else None
        body = {
            "today": {"files": counts.arrived_files, "bytes": counts.arrived_bytes},
            "in_flight": counts.in_flight,
            "rejected": {"today": counts.rejected, "kept": counts.rejected_kept},
            "trash": {"files": counts.trashed},
            "taken": {"files": counts.taken},
            "disk": None if disk is None else {"free": disk.free, "total": disk.total},
            "quotas": await self._quotas(caller),
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def _quotas(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the limits of bytes that the caller may see: the service's, its own, and those of collections."""
        allowances = await self._intake.allowances(caller.account)
        seen = [each for each in allowances if each.of != "service" or Scope.ADMIN in caller.scopes]
        quotas = [
            _quota(each.of, caller.name or None, each.usage.bytes + each.usage.reserved_bytes, each.limits.bytes)
            for each in seen
        ]
        page, _ = await self._collections.page(caller.collections, None, MOST_COLLECTIONS)
        quotas += [
            _quota("collection", each.title, usage.bytes + usage.reserved_bytes, each.bytes_max) | {"slug": each.slug}
            for each, usage in page
        ]
        return [quota for quota in quotas if quota["limit"] is not None]


def _quota(of: str, name: str | None, used: int, limit: int | None) -> dict[str, Any]:
    return {"of": of, "name": None if of == "service" else name, "used": used, "limit": limit}
